// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/spec_warnings.h"

#include <gmock/gmock.h>

#include <fstream>

#include "base/strings.h"
#include "oci/default_spec.h"
#include "tests/runtime/command_line.h"

namespace krun::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(SpecWarnings, SpecOfOurOwnHasNone) {
    EXPECT_THAT(spec_warnings(oci::default_spec()), IsEmpty());
}

TEST(SpecWarnings, LabelsOfTheHostsKernelAreNamed) {
    oci::Spec spec;
    spec.process.emplace();
    spec.process->apparmor_profile = "containers-default";
    spec.process->selinux_label = "system_u:system_r:container_t:s0";
    auto const lines = spec_warnings(spec);
    ASSERT_THAT(lines, SizeIs(2));
    EXPECT_THAT(lines[0], StartsWith("process.apparmorProfile: "));
    EXPECT_THAT(lines[1], StartsWith("process.selinuxLabel: "));
}

TEST(SpecWarnings, NamespaceOfTheHostsThatTheGuestCannotEnterIsNamed) {
    for (char const* const type : {"pid", "mount", "cgroup", "time", "ipc", "uts"}) {
        oci::Spec spec;
        spec.linux.namespaces = {{.type = type, .path = "/proc/1/ns/x"}};
        auto const lines = spec_warnings(spec);
        ASSERT_THAT(lines, SizeIs(1)) << type;
        EXPECT_THAT(lines[0], StartsWith("linux.namespaces: " + std::string(type) + ": "));
        EXPECT_THAT(lines[0], HasSubstr("/proc/1/ns/x"));
        spec.linux.namespaces[0].path.clear();
        EXPECT_THAT(spec_warnings(spec), IsEmpty()) << type;
    }
    oci::Spec spec;
    spec.linux.namespaces = {{.type = "network", .path = "/proc/1/ns/net"}};
    EXPECT_THAT(spec_warnings(spec), IsEmpty());
}

class SpecWarningsLog : public test::CommandLine {
protected:
    // The log after a create at `level` that fails, for a program that is missing.
    std::vector<std::string> log_at(std::string const& level) const {
        test::SpecText spec;
        spec.process = R"("cwd":"/","args":["missing"],"selinuxLabel":"label","apparmorProfile":"profile")";
        std::string const path = dir_ / level;
        krun({"--log", path, "--log-level", level, "create", "--bundle", bundle(spec.text()), "web"});
        std::vector<std::string> lines;
        std::ifstream file(path);
        for (std::string line; std::getline(file, line);) lines.push_back(line);
        return lines;
    }
};

TEST_F(SpecWarningsLog, HasThemFromLevelWarningOn) {
    auto const lines = log_at("warning");
    ASSERT_THAT(lines, SizeIs(3));
    EXPECT_THAT(lines[0], HasSubstr("warning: process.apparmorProfile: "));
    EXPECT_THAT(lines[2], HasSubstr("executable file not found"));
}

TEST_F(SpecWarningsLog, HasOneLineForAFailureByDefault) {
    EXPECT_THAT(log_at("error"), SizeIs(1));
}

}  // namespace
}  // namespace krun::runtime
