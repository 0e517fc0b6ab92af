// SPDX-License-Identifier: Apache-2.0
// The commands that runc does not have: check, explain, evidence.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/json.h"
#include "runtime/cli/host_check.h"
#include "tests/runtime/command_line.h"

namespace krun::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class OwnCommandsTest : public test::CommandLine {
protected:
    void TearDown() override {
        krun({"delete", "--force", "web"});
        child_left();
    }
};

TEST_F(OwnCommandsTest, ExplainTellsOfABundleAndOfAContainerAlike) {
    auto const create_ended = create("web", R"(["wait"])", R"("annotations":{"krun.cpus":"3"},"colour":1)");
    ASSERT_EQ(create_ended.status, 0) << create_ended.complaint;
    auto const of_bundle = krun({"explain", dir_ / "bundle"});
    EXPECT_EQ(of_bundle.status, 0) << of_bundle.complaint;
    EXPECT_THAT(of_bundle.output, HasSubstr("process.args"));
    EXPECT_THAT(of_bundle.output, HasSubstr("ignored         no field of the specification"));
    EXPECT_THAT(of_bundle.output, HasSubstr("machine: 3 processors, 1024 MiB\n"));
    EXPECT_EQ(krun({"explain", "web"}).output, of_bundle.output);
}

TEST_F(OwnCommandsTest, ExplainTellsOfAConfigurationThatIsRefusedAndWhy) {
    test::SpecText spec;
    spec.more = R"("linux":{"intelRdt":{"closID":"x"}})";
    auto const ended = krun({"explain", "--json", bundle(spec.text())});
    EXPECT_EQ(ended.status, 0) << ended.complaint;
    auto const json = Json::parse(ended.output, 1 << 20).value();
    EXPECT_THAT(json.find("error")->text(), HasSubstr("linux.intelRdt: is not supported"));
    EXPECT_EQ(json.find("machine"), nullptr);
    bool told = false;
    for (auto const& field : json.find("fields")->items())
        told = told || (field.find("path")->text() == "linux.intelRdt" &&
                        field.find("effect")->text() == "refused" && !field.find("why")->text().empty());
    EXPECT_TRUE(told);
}

TEST_F(OwnCommandsTest, ExplainOfWhatIsNotThereSaysSo) {
    EXPECT_EQ(krun({"explain", "web"}).complaint, "container \"web\" does not exist");
    EXPECT_THAT(krun({"explain", "./none"}).complaint,
                StartsWith("./none: must be a directory with a config.json"));
    EXPECT_THAT(krun({"explain", bundle("{")}).complaint, StartsWith("config.json: line 1: "));
}

TEST_F(OwnCommandsTest, EvidenceOfAStoppedContainerIsWhatItsMachineLeft) {
    ASSERT_EQ(create("web").status, 0);
    krun({"kill", "web", "KILL"});
    for (int i = 0; i < 5000 && status_of("web") != "stopped"; ++i) ::usleep(1000);
    EXPECT_EQ(krun({"evidence", "web"}).output,
              "container: web, stopped\nmachine: 2 processors, 1024 MiB\nend: its container process was "
              "killed from outside\n"
              "guest kernel: nothing is kept of what it said\n");
    dir_.write("state/web/exit_status", "3");
    EXPECT_THAT(krun({"evidence", "web"}).output, HasSubstr("end: its program ended with status 3\n"));
    dir_.write("state/web/end_reason", "the guest kernel panicked");
    dir_.write("state/web/kernel.log", "line one\r\n\x1b[31mline two\n");
    dir_.write("state/web/machine_state", "device vsock: running\n");
    auto const ended = krun({"evidence", "web"});
    EXPECT_THAT(ended.output, HasSubstr("end: the guest kernel panicked\n"));
    EXPECT_THAT(ended.output, HasSubstr("  line one\n  \\x1b[31mline two\n"));
    EXPECT_THAT(ended.output, HasSubstr("machine state: when it ended\n  device vsock: running\n"));
}

TEST_F(OwnCommandsTest, EvidenceOfWhatIsNotThereSaysSo) {
    EXPECT_EQ(krun({"evidence", "web"}).complaint, "container \"web\" does not exist");
}

TEST_F(OwnCommandsTest, CheckHasOneLineForEachSubjectAndARemedyForEachLack) {
    auto const ended = krun({"check"});
    auto const json = Json::parse(krun({"check", "--json"}).output, 1 << 20).value();
    size_t missing = 0;
    for (auto const& finding : json.items()) {
        auto const verdict = finding.find("verdict")->text();
        EXPECT_TRUE(verdict == "ok" || verdict == "warning" || verdict == "missing") << verdict;
        EXPECT_EQ(finding.find("remedy") == nullptr, verdict == "ok") << finding.find("subject")->text();
        EXPECT_THAT(ended.output, HasSubstr(finding.find("subject")->text()));
        missing += verdict == "missing" ? 1 : 0;
    }
    EXPECT_EQ(ended.status, missing == 0 ? 0 : 1);
    EXPECT_EQ(static_cast<size_t>(std::count(ended.output.begin(), ended.output.end(), '\n')),
              json.items().size());
}

TEST_F(OwnCommandsTest, CheckSeesAStateDirectoryThatCannotBe) {
    dir_.write("file", "");
    auto const findings = check_host(dir_ / "file/state");
    auto const state =
        std::find_if(findings.begin(), findings.end(), [](auto const& f) { return f.subject == "state"; });
    ASSERT_NE(state, findings.end());
    EXPECT_EQ(state->verdict, Finding::Verdict::kMissing);
    EXPECT_EQ(state->text, (dir_ / "file/state") + " cannot be written");
}

}  // namespace
}  // namespace krun::runtime
