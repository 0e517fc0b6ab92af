// SPDX-License-Identifier: Apache-2.0
// What --user asks of the guest.
#include "runtime/cli/exec_flags.h"

#include <gtest/gtest.h>

namespace krun::runtime {
namespace {

constexpr Flag kFlags[] = {kExecProcessFlag, kExecTtyFlag, kExecCwdFlag,        kExecEnvFlag,   kExecUserFlag,
                           kExecGroupsFlag,  kExecCapFlag, kExecNoNewPrivsFlag, kExecCgroupFlag};

guest::User user_of(char const* text) {
    oci::Spec spec;
    spec.process.emplace();
    spec.process->cwd = "/";
    spec.process->user.gid = 8;
    char const* const words[] = {"--user", text, "web", "true"};
    auto const options = parse_options(kFlags, Positionals::kStopAtFirst, words);
    EXPECT_TRUE(options.ok());
    auto const config = exec_config(options.value(), spec);
    EXPECT_TRUE(config.ok()) << config.error().message();
    return config.ok() ? config.value().process.user : guest::User{};
}

TEST(ExecFlags, NumbersAreTheIdsAndAMissingGroupIsTheContainers) {
    auto const alone = user_of("1000");
    EXPECT_EQ(alone.uid, 1000U);
    EXPECT_EQ(alone.gid, 8U);
    auto const both = user_of("1000:1001");
    EXPECT_EQ(both.uid, 1000U);
    EXPECT_EQ(both.gid, 1001U);
    EXPECT_TRUE(both.name.empty());
    EXPECT_TRUE(both.group_name.empty());
}

TEST(ExecFlags, NameLeavesItsGroupToTheGuestEvenIfItIsANumber) {
    EXPECT_EQ(user_of("user").name, "user");
    EXPECT_EQ(user_of("user").group_name, "");
    EXPECT_EQ(user_of("user:more").group_name, "more");
    EXPECT_EQ(user_of("user:2000").group_name, "2000");
}

TEST(ExecFlags, GroupNameBesideAUserIdIsLookedUpAlone) {
    auto const user = user_of("5:more");
    EXPECT_EQ(user.uid, 5U);
    EXPECT_TRUE(user.name.empty());
    EXPECT_EQ(user.group_name, "more");
}

}  // namespace
}  // namespace krun::runtime
