// SPDX-License-Identifier: Apache-2.0
// User and time namespaces, scheduling, in whole containers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "container_run.h"

namespace krun::init {
namespace {

using ::testing::HasSubstr;

class ContainerNamespaces : public ::testing::Test {
protected:
    void SetUp() override {
        if (auto const why = ContainerRun::why_impossible(); !why.empty()) GTEST_SKIP() << "skipped: " << why;
    }
    void map_ids() {
        run_.config().krun.uid_mappings = {{0, 100'000, 1000}, {1000, 5000, 1}};
        run_.config().krun.gid_mappings = {{0, 200'000, 1000}};
    }
    ContainerRun run_;
};

TEST_F(ContainerNamespaces, UserNamespaceHasTheMapsAndOwnsWhatInitMade) {
    map_ids();
    run_.config().process.user = {1000, 7, 022, {5}, {}, {}};
    run_.probe({"ids", ",", "file", "/proc/self/uid_map", ",", "file", "/proc/self/gid_map", ",", "stat",
                "/tmp", ",", "stat", "/dev/null", ",", "write-path", "/dev/stdout"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_THAT(run_.output(), HasSubstr("pid=1 sid=1 uid=1000/1000 gid=7/7 umask=0022 groups=5 "));
    EXPECT_THAT(run_.output(),
                HasSubstr("         0     100000       1000\n      1000       5000          1\n"));
    EXPECT_THAT(run_.output(), HasSubstr("         0     200000       1000\n"));
}

TEST_F(ContainerNamespaces, UserNamespaceLeavesThePassedDescriptorsAlone) {
    map_ids();
    run_.config().process.passed_fds = {{3, "w"}, {4, "w"}, {5, "w"}};
    run_.probe({"write-fd", "3", ",", "write-fd", "4", ",", "write-fd", "5"});
    run_.run_to_start();
    for (uint32_t const number : {3U, 4U, 5U})
        EXPECT_EQ(run_.read_until(number, ""), "to " + std::to_string(number) + "\n");
    EXPECT_EQ(run_.finish(), 0);
}

TEST_F(ContainerNamespaces, IdsWithoutAMappingCannotBeBecome) {
    map_ids();
    run_.config().process.user.uid = 2000;
    run_.probe({"ids"});
    run_.launch();
    EXPECT_EQ(run_.next_frame().type, control::FrameType::kHello);
    EXPECT_EQ(run_.next_frame().type, control::FrameType::kFailed);
    EXPECT_THAT(run_.failure_text(), HasSubstr("set user 2000"));
}

TEST_F(ContainerNamespaces, MapsThatTheKernelRefusesFailWithTheirName) {
    map_ids();
    run_.config().krun.uid_mappings.push_back({0, 100'000, 1});
    run_.probe({"ids"});
    run_.launch();
    EXPECT_EQ(run_.next_frame().type, control::FrameType::kHello);
    EXPECT_EQ(run_.next_frame().type, control::FrameType::kFailed);
    EXPECT_THAT(run_.failure_text(), HasSubstr("write the id maps: "));
}

TEST(ContainerWorkingDirectory, NoDescriptorOfInitsLeadsOutOfTheRoot) {
    if (auto const why = ContainerRun::why_impossible(); !why.empty()) GTEST_SKIP() << "skipped: " << why;
    int refused = 0;
    for (int fd = 0; fd < 40; fd = fd == 7 ? 32 : fd + 1) {  // 32: descriptors.h, move_above_streams()
        ContainerRun run;
        run.config().process.cwd = "/proc/self/fd/" + std::to_string(fd);
        run.probe({"cwd", ",", "list", ".."});
        run.launch();
        EXPECT_EQ(run.next_frame().type, control::FrameType::kHello);
        if (run.next_frame().type == control::FrameType::kFailed) {
            if (run.failure_text().find("is not in the root") != std::string::npos) ++refused;
            EXPECT_THAT(run.failure_text(), HasSubstr(run.config().process.cwd));
            continue;
        }
        run.send(control::FrameType::kStart);
        EXPECT_EQ(run.next_frame().type, control::FrameType::kStarted);
        EXPECT_EQ(run.finish(), 0);
        EXPECT_TRUE(run.output().starts_with("cwd=/")) << "descriptor " << fd << ": " << run.output();
    }
    EXPECT_GT(refused, 0) << "no descriptor would have led out: the test says nothing";
}

TEST_F(ContainerNamespaces, TimeNamespaceHasItsOffsets) {
    run_.config().krun.namespaces.push_back("time");
    run_.config().krun.time_offsets = {{"monotonic", {1000, 5}}, {"boottime", {2000, 0}}};
    run_.probe({"file", "/proc/self/timens_offsets"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_THAT(run_.output(), HasSubstr("1000         5"));
    EXPECT_THAT(run_.output(), HasSubstr("2000         0"));
}

TEST_F(ContainerNamespaces, SchedulerAndNiceValueAreThePayloads) {
    run_.config().process.scheduler = guest::Scheduler{"SCHED_BATCH", 7, 0, {}, 0, 0, 0};
    run_.config().process.io_priority = guest::IoPriority{"IOPRIO_CLASS_IDLE", 0};
    run_.probe({"file", "/proc/self/stat"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_THAT(run_.output(), HasSubstr(" 27 7 1 "));  // proc_pid_stat(5): priority, nice, threads
}

}  // namespace
}  // namespace krun::init
