// SPDX-License-Identifier: Apache-2.0
#include "init/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/temp_dir.h"

namespace krun::init {
namespace {

using ::testing::HasSubstr;

// A config with one thing changed.
std::string text(std::string const& process_more = {}, std::string const& version = "1",
                 std::string const& more = {}) {
    return R"({"process":{"user":{"uid":1,"gid":2,"umask":18},"args":["sh"],"cwd":"/")" + process_more +
           R"(},"krun":{"version":)" + version + R"(,"root":"/rootfs"})" + more + "}";
}
std::string refusal(std::string const& config) {
    auto const read = parse_config(config);
    return read.ok() ? "" : read.error().message();
}

TEST(InitConfig, SmallestOneIsReadWithItsDefaults) {
    auto const config = parse_config(text()).value();
    EXPECT_EQ(config.process.user.uid, 1u);
    EXPECT_EQ(config.process.user.umask, 0022u);
    EXPECT_EQ(config.krun.root, "/rootfs");
    EXPECT_FALSE(config.process.terminal);
    EXPECT_TRUE(config.mounts.empty());
}

TEST(InitConfig, OtherVersionIsRefused) {
    EXPECT_EQ(refusal(text("", "2")), "krun.version: this init knows 1, is 2");
}

TEST(InitConfig, UnknownMembersAreAccepted) {
    EXPECT_EQ(refusal(text(R"(,"apparmorProfile":"x")", "1", R"(,"ociVersion":"1.0")")), "");
}

TEST(InitConfig, MissingMembersNameThemselves) {
    EXPECT_THAT(refusal("{}"), HasSubstr("process: required field is missing"));
    EXPECT_THAT(
        refusal(
            R"({"process":{"user":{"uid":1,"gid":2,"umask":0},"args":[],"cwd":"/"},"krun":{"version":1}})"),
        HasSubstr("krun.root: required field is missing"));
}

TEST(InitConfig, EmptyArgumentsAreRefused) {
    EXPECT_EQ(refusal(text(R"(,"args":[])")), "process.args: must not be empty");
}

TEST(InitConfig, RelativePathsAreRefused) {
    EXPECT_EQ(refusal(text(R"(,"cwd":"home")")), "process.cwd: must be an absolute path, is \"home\"");
    EXPECT_EQ(refusal(text("", "1", R"(,"mounts":[{"destination":"x","type":"tmpfs"}])")),
              "mounts[].destination: must be an absolute path, is \"x\"");
}

TEST(InitConfig, BrokenTextIsRefused) {
    EXPECT_NE(refusal("{\"process\":"), "");
    EXPECT_NE(refusal(""), "");
}

TEST(InitConfig, MissingFileNamesItsPath) {
    auto const read = read_config("/no/.krun_config.json");
    EXPECT_THAT(read.error().message(), HasSubstr("/no/.krun_config.json: No such file or directory"));
}

TEST(InitConfig, ReadingNamesTheFile) {
    test::TempDir const dir;
    dir.write("c.json", "[]");
    EXPECT_THAT(read_config(dir / "c.json").error().message(), HasSubstr(dir / "c.json"));
}

}  // namespace
}  // namespace krun::init
