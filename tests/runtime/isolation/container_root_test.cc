// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolation/container_root.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "tests/support/temp_dir.h"

namespace krun::runtime {
namespace {

// Runs `body` in a child of its own, because the functions change the whole process; true if it says so.
template <class Body>
bool in_child(Body body) {
    pid_t const pid = ::fork();
    if (pid == 0) ::_exit(body() ? 0 : 1);
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

class ContainerRootTest : public testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
        rootfs_.write("marker", "inside");
        outside_.write("secret", "outside");
    }
    UniqueFd tree() { return std::move(detach_tree(rootfs_.fd(), true)).value(); }

    test::TempDir rootfs_;
    test::TempDir outside_;
};

TEST_F(ContainerRootTest, OnlyTheRootfsIsLeft) {
    EXPECT_TRUE(in_child([&] {
        auto const root = tree();
        if (!enter_container_root(root.borrow()).ok()) return false;
        bool const inside = ::access("/marker", F_OK) == 0;
        bool const host_gone =
            ::access((outside_ / "secret").c_str(), F_OK) != 0 && ::access("/etc", F_OK) != 0;
        return inside && host_gone;
    }));
}

TEST_F(ContainerRootTest, NamespaceHoldsOneMount) {
    EXPECT_TRUE(in_child([&] {
        auto const proc = open_path("/proc/self", O_PATH | O_DIRECTORY);
        auto const root = tree();
        if (!enter_container_root(root.borrow()).ok()) return false;
        auto const info = open_at(proc.value().borrow(), "mountinfo", O_RDONLY);
        auto const text = read_file(info.value().borrow(), 1 << 20);
        return std::count(text.value().begin(), text.value().end(), '\n') == 1;
    }));
}

TEST_F(ContainerRootTest, DescriptorsOpenedBeforeStayValid) {
    EXPECT_TRUE(in_child([&] {
        auto const root = tree();
        if (!enter_container_root(root.borrow()).ok()) return false;
        auto const file = open_at(outside_.fd(), "secret", O_RDONLY);
        return file.ok() && read_file(file.value().borrow(), 100).value() == "outside";
    }));
}

TEST_F(ContainerRootTest, HostSeesNoNewMount) {
    auto const before = read_file("/proc/self/mountinfo", 1 << 20);
    ASSERT_TRUE(in_child([&] {
        auto const root = tree();
        return enter_container_root(root.borrow()).ok();
    }));
    EXPECT_EQ(read_file("/proc/self/mountinfo", 1 << 20).value(), before.value());
}

TEST_F(ContainerRootTest, TreeOfASubdirectoryShowsNothingAboveIt) {
    rootfs_.make_dir("sub");
    rootfs_.write("sub/below", "");
    EXPECT_TRUE(in_child([&] {
        auto const sub = open_path(rootfs_ / "sub", O_PATH | O_DIRECTORY);
        auto const root = detach_tree(sub.value().borrow(), false);
        if (!root.ok() || !enter_container_root(root.value().borrow()).ok()) return false;
        return ::access("/below", F_OK) == 0 && ::access("/../marker", F_OK) != 0;
    }));
}

}  // namespace
}  // namespace krun::runtime
