// SPDX-License-Identifier: Apache-2.0
// The contract itself: every row survives writing and reading, and the document lists every row.
#include "config-gen/krun_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config-gen/write.h"
#include "tests/support/golden.h"

namespace krun {
namespace {

// Nothing in it is a default.
KrunConfig full() {
    KrunConfig c;
    c.process.terminal = true;
    c.process.console_size = guest::ConsoleSize{24, 80};
    c.process.user = {1, 2, 077, {3, 4}, "user", "group"};
    c.process.args = {"/bin/sh", "-c", "é\n\"quoted\""};
    c.process.env = {"A=1", "EMPTY="};
    c.process.cwd = "/work";
    c.process.capabilities = {{"CAP_A"}, {"CAP_B"}, {"CAP_C"}, {"CAP_D"}, {"CAP_E"}};
    c.process.rlimits = {{"RLIMIT_CORE", 1, UINT64_MAX}};
    c.process.no_new_privileges = true;
    c.process.oom_score_adj = -500;
    c.process.passed_fds = {{3, "listen", "inet", 80}};
    c.process.scheduler = guest::Scheduler{"SCHED_RR", -1, 5, {"SCHED_FLAG_RECLAIM"}, 1, 2, 3};
    c.process.io_priority = guest::IoPriority{"IOPRIO_CLASS_BE", 6};
    c.mounts = {{"/d", "tmpfs", "s", {"ro"}, guest::SocketSource{0660, 1, 2}}};
    c.hostname = "h";
    c.domainname = "d";
    c.krun = {1,
              "/r",
              true,
              true,
              "rslave",
              {"ipc"},
              {{0, 100000, 65536}},
              {{1, 200000, 5}},
              {{"boottime", {-7, 8}}},
              {{"/dev/x", "c", 1, 2, 0600, 3, 4}},
              {"data"},
              guest::RootDisk{"root", "ext4", {"ro"}},
              {"/m"},
              {"/ro"},
              {{"k.e", "v"}},
              {{"pids.max", "5"}},
              "AAAA",
              2,
              8,
              "/notify",
              {{"/hook", {"hook", "x"}, {{"H=1"}}, 5}},
              "{}"};
    return c;
}

class PathCollector : public FieldVisitor {
public:
    void field(std::string const& path, std::string_view, Effect, Presence, std::string_view) override {
        paths.push_back(path);
    }
    std::vector<std::string> paths;
};

TEST(KrunConfig, EveryRowSurvivesWritingAndReading) {
    auto const text = write_krun_config(full());
    auto const json = Json::parse(text, kMaxKrunConfigBytes).value();
    EXPECT_EQ(write_krun_config(read_object<KrunConfig>(JsonAt(json)).value()), text);
    PathCollector rows;
    visit_fields<KrunConfig>("", rows);
    for (auto const& path : rows.paths) {
        auto const name = path.substr(path.rfind('.') + 1);
        EXPECT_THAT(text, ::testing::HasSubstr("\"" + name + "\":")) << path << " is not written";
    }
}

TEST(KrunConfig, DocumentListsEveryRowAndNoOther) {
    auto const document = test::read_source_file("docs/krun-config.md");
    PathCollector rows;
    visit_fields<KrunConfig>("", rows);
    size_t documented = 0;
    for (size_t at = document.find("\n| `"); at != std::string::npos; at = document.find("\n| `", at + 1)) {
        auto const end = document.find('`', at + 4);
        auto const path = document.substr(at + 4, end - at - 4);
        EXPECT_THAT(rows.paths, ::testing::Contains(path))
            << "docs/krun-config.md has a row that the table lacks";
        ++documented;
    }
    for (auto const& path : rows.paths) EXPECT_THAT(document, ::testing::HasSubstr("\n| `" + path + "` |"));
    EXPECT_EQ(documented, rows.paths.size());
}

}  // namespace
}  // namespace krun
