// SPDX-License-Identifier: Apache-2.0
#include "init/mount_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace krun::init {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

MountOptions parse(std::vector<std::string> const& options) {
    return parse_mount_options(options).value();
}

TEST(MountOptions, AttributesAreSetAndCleared) {
    auto const options = parse({"ro", "nosuid", "nodev", "noexec", "nosymfollow"});
    EXPECT_EQ(options.attr_set, uint64_t{MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                         MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW});
    EXPECT_EQ(options.attr_clear, 0u);
}

TEST(MountOptions, LaterOptionWins) {
    EXPECT_EQ(parse({"ro", "rw"}).attr_set, 0u);
    EXPECT_EQ(parse({"ro", "rw"}).attr_clear, uint64_t{MOUNT_ATTR_RDONLY});
    EXPECT_EQ(parse({"rw", "ro"}).attr_set, uint64_t{MOUNT_ATTR_RDONLY});
    EXPECT_EQ(parse({"rw", "ro"}).attr_clear, 0u);
}

TEST(MountOptions, AccessTimeModeReplacesTheOneBefore) {
    auto const options = parse({"strictatime", "noatime"});
    EXPECT_EQ(options.attr_set, uint64_t{MOUNT_ATTR_NOATIME});
    // mount_setattr(2): a new mode needs the whole old one cleared.
    EXPECT_EQ(options.attr_clear & MOUNT_ATTR__ATIME, uint64_t{MOUNT_ATTR__ATIME});
}

TEST(MountOptions, RecursiveFormsAreForTheTree) {
    auto const options = parse({"rbind", "rro", "rnosuid"});
    EXPECT_TRUE(options.bind);
    EXPECT_TRUE(options.recursive);
    EXPECT_EQ(options.attr_set, 0u);
    EXPECT_EQ(options.tree_set, uint64_t{MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID});
}

TEST(MountOptions, PropagationKeepsItsOrderAndRecursion) {
    EXPECT_THAT(
        parse({"rslave", "shared"}).propagation,
        ElementsAre(static_cast<unsigned long>(MS_SLAVE | MS_REC), static_cast<unsigned long>(MS_SHARED)));
}

TEST(MountOptions, OtherNamesGoToTheFileSystem) {
    auto const options = parse({"size=64k", "mode=755", "sync", "newinstance", "x=a=b"});
    EXPECT_THAT(options.parameters, ElementsAre(Pair("size", "64k"), Pair("mode", "755"), Pair("x", "a=b")));
    EXPECT_THAT(options.flags, ElementsAre("sync", "newinstance"));
}

TEST(MountOptions, NamesWithoutEffectAreDropped) {
    auto const options = parse({"defaults", "async", "bind", ""});
    EXPECT_THAT(options.flags, IsEmpty());
    EXPECT_EQ(options.attr_set | options.attr_clear, 0u);
}

TEST(MountOptions, CopyUpIsOurs) {
    EXPECT_TRUE(parse({"tmpcopyup"}).copy_up);
    EXPECT_THAT(parse({"tmpcopyup"}).flags, IsEmpty());
}

TEST(MountOptions, WhatTheGuestCannotDoIsRefusedByName) {
    for (std::string const name : {"idmap", "ridmap", "remount"}) {
        auto const refused = parse_mount_options({name});
        ASSERT_FALSE(refused.ok());
        EXPECT_EQ(refused.error().message(), "mount option \"" + name + "\" is not supported in the guest");
    }
}

}  // namespace
}  // namespace krun::init
