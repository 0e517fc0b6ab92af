// SPDX-License-Identifier: Apache-2.0
// events, on the payload's cgroup of fake_vm.cc.
#include <gmock/gmock.h>

#include "base/json.h"
#include "runtime/state/stats.h"
#include "tests/runtime/command_line.h"

namespace krun::runtime {
namespace {

using ::testing::HasSubstr;

class EventsCommandTest : public test::CommandLine {
protected:
    void SetUp() override { ASSERT_EQ(create("web").status, 0); }
    void TearDown() override {
        krun({"delete", "--force", "web"});
        child_left();
    }
    void stop() const {
        krun({"kill", "web", "KILL"});
        for (int i = 0; i < 5000 && status_of("web") != "stopped"; ++i) ::usleep(1000);
    }
};

// The text of the number at `path`, or what is missing.
std::string at(Json const& event, std::vector<std::string> const& path) {
    auto const* json = &event;
    for (auto const& name : path) {
        json = json->find(name);
        if (json == nullptr) return "no " + name;
    }
    return json->text();
}

TEST_F(EventsCommandTest, StatsAreThePayloadsOnOneLine) {
    auto const ended = krun({"events", "--stats", "web"});
    ASSERT_EQ(ended.status, 0) << ended.complaint;
    EXPECT_EQ(ended.output.find('\n'), ended.output.size() - 1);
    auto const event = Json::parse(ended.output, 1 << 20).value();
    EXPECT_EQ(at(event, {"type"}), "stats");
    EXPECT_EQ(at(event, {"id"}), "web");
    EXPECT_EQ(at(event, {"data", "cpu", "usage", "total"}), "7000");  // ns
    EXPECT_EQ(at(event, {"data", "cpu", "usage", "user"}), "5000");
    EXPECT_EQ(at(event, {"data", "cpu", "usage", "kernel"}), "2000");
    EXPECT_EQ(at(event, {"data", "memory", "usage", "usage"}), "4096");
    EXPECT_EQ(at(event, {"data", "memory", "usage", "limit"}), "1073741824");
    EXPECT_EQ(at(event, {"data", "memory", "usage", "failcnt"}), "3");
    EXPECT_EQ(at(event, {"data", "memory", "cache"}), "1024");
    EXPECT_EQ(at(event, {"data", "memory", "raw", "file"}), "1024");
    EXPECT_EQ(at(event, {"data", "pids", "current"}), "1");
    EXPECT_EQ(at(event, {"data", "pids", "limit"}), "no limit");
    EXPECT_EQ(at(event, {"data", "machine", "memory", "usage", "usage"}), "0");  // no cgroup of its own here
}

TEST_F(EventsCommandTest, IntervalIsATime) {
    for (std::string const bad : {"5", "s", "0s", "-1s", "25h", "1.5s", "5 s"})
        EXPECT_EQ(krun({"events", "--interval", bad, "web"}).complaint,
                  "--interval \"" + bad + "\": must be a time such as 500ms, 5s or 2m");
}

TEST_F(EventsCommandTest, StoppedContainerIsNotRunning) {
    stop();
    EXPECT_EQ(krun({"events", "--stats", "web"}).complaint, "container not running");
    EXPECT_EQ(krun({"events", "web"}).complaint, "container not running");
}

TEST(Stats, GuestsTextIsReadLineByLine) {
    auto const counters =
        read_counters("a 1\nb\nc x\nd -1\n e 5\nf 18446744073709551616\ng 18446744073709551615");
    EXPECT_EQ(counters, (Stats::Counters{{"a", 1}, {"g", UINT64_MAX}}));
    EXPECT_TRUE(read_counters("\xff 1\n").empty());
}

}  // namespace
}  // namespace krun::runtime
