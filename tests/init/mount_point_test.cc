// SPDX-License-Identifier: Apache-2.0
#include "init/mount_point.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/fd.h"
#include "tests/support/temp_dir.h"

namespace krun::init {
namespace {

class MountPoint : public ::testing::Test {
protected:
    MountPoint() { dir_.make_dir("root"); }
    std::string root_path() const { return dir_ / "root"; }
    std::string create(std::string const& path, NodeKind kind = NodeKind::kDirectory) {
        auto const root = open_path(root_path(), O_PATH | O_DIRECTORY).value();
        auto const fd = open_or_create_in_root(root.borrow(), path, kind);
        if (!fd.ok()) return fd.error().message();
        auto const link = "/proc/self/fd/" + std::to_string(fd.value().borrow().raw());
        auto const real = std::filesystem::read_symlink(link).string();
        return real.starts_with(root_path()) ? real.substr(root_path().size()) : "OUTSIDE " + real;
    }
    test::TempDir dir_;
};

TEST_F(MountPoint, ExistingDirectoryIsOpened) {
    dir_.make_dir("root/a/b");
    EXPECT_EQ(create("/a/b"), "/a/b");
}

TEST_F(MountPoint, MissingDirectoriesAreCreatedWithMode0755) {
    ::umask(0);
    EXPECT_EQ(create("/x/y/z"), "/x/y/z");
    struct stat st {};
    ASSERT_EQ(::stat((root_path() + "/x/y").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0755u);
}

TEST_F(MountPoint, MissingFileIsCreatedEmpty) {
    EXPECT_EQ(create("/etc/hosts", NodeKind::kFile), "/etc/hosts");
    EXPECT_EQ(std::filesystem::file_size(root_path() + "/etc/hosts"), 0u);
}

TEST_F(MountPoint, ParentOfTheRootIsTheRoot) {
    EXPECT_EQ(create("/../../a/../b"), "/b");
    EXPECT_FALSE(std::filesystem::exists(dir_ / "b"));
}

TEST_F(MountPoint, AbsoluteLinkStaysInside) {
    dir_.make_dir("root/sub");
    dir_.link("/var/run", "root/sub/run");
    EXPECT_EQ(create("/sub/run/app"), "/var/run/app");
}

TEST_F(MountPoint, LinkThatClimbsStaysInside) {
    dir_.make_dir("secret");
    dir_.link("../../../secret", "root/way");
    EXPECT_EQ(create("/way/app"), "/secret/app");
    EXPECT_FALSE(std::filesystem::exists(dir_ / "secret/app"));
}

TEST_F(MountPoint, DanglingLinkIsFollowedAndItsTargetCreated) {
    dir_.make_dir("root/var");
    dir_.link("../run", "root/var/run");
    EXPECT_EQ(create("/var/run"), "/run");
}

TEST_F(MountPoint, LinkLoopIsRefused) {
    dir_.link("b", "root/a");
    dir_.link("a", "root/b");
    EXPECT_NE(create("/a/c").find("Too many levels of symbolic links"), std::string::npos);
}

TEST_F(MountPoint, FileInTheWayIsRefused) {
    dir_.write("root/file", "");
    EXPECT_NE(create("/file/sub").find("Not a directory"), std::string::npos);
}

TEST_F(MountPoint, MagicLinkIsNotFollowed) {
    auto const slash = open_path("/", O_PATH | O_DIRECTORY).value();
    EXPECT_EQ(open_in_root(slash.borrow(), "/proc/self/exe", O_PATH).error().sys_errno(), ELOOP);
}

TEST_F(MountPoint, ParentOfADeviceIsCreated) {
    auto const root = open_path(root_path(), O_PATH | O_DIRECTORY).value();
    EXPECT_EQ(open_or_create_parent(root.borrow(), "/dev/net/tun").value().name, "tun");
    EXPECT_TRUE(std::filesystem::is_directory(root_path() + "/dev/net"));
    EXPECT_FALSE(open_or_create_parent(root.borrow(), "/").ok());
    EXPECT_FALSE(open_or_create_parent(root.borrow(), "/dev/..").ok());
}

}  // namespace
}  // namespace krun::init
