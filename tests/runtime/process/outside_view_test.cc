// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/outside_view.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/isolation/container_root.h"
#include "tests/support/temp_dir.h"

namespace krun::runtime {
namespace {

class OutsideViewTest : public testing::Test {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root";
        rootfs_.make_dir("data");
        rootfs_.make_dir("tmp");
        rootfs_.write("data/beneath", "hidden");
        source_.write("file", "source");
    }

    void bind(std::string destination, bool read_only = false) {
        plan_.config.mounts.push_back(
            {std::move(destination), "bind", bind_source_path(host_.binds.size()), {}});
        host_.binds.push_back({UniqueFd(), /*recursive=*/true, read_only, /*detached=*/false});
    }

    // Whether `body` says so in a child whose root is the view.
    template <class Body>
    bool inside(Body body) {
        pid_t const pid = ::fork();
        if (pid == 0) {
            // As on a host that systemd has set up: mounts propagate to wherever a tree was copied from.
            if (::unshare(CLONE_NEWNS) != 0 ||
                ::mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr) != 0)
                ::_exit(2);
            open_trees();
            auto view = OutsideView::prepare(plan_, host_);
            bool const in =
                view.ok() && enter_container_root(view.value().root()).ok() && view.value().mount_rest().ok();
            ::_exit(in && body() ? 0 : 1);
        }
        int status = 0;
        ::waitpid(pid, &status, 0);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }

    // In the mount namespace that they are copied in.
    void open_trees() {
        host_.rootfs = std::move(open_path(rootfs_.path(), O_PATH | O_DIRECTORY)).value();
        for (auto& bind : host_.binds)
            bind.source = std::move(open_path(source_.path(), O_PATH | O_DIRECTORY)).value();
    }

    static bool writes(char const* path) { return open_path(path, O_WRONLY | O_CREAT, 0644).ok(); }

    test::TempDir rootfs_;
    test::TempDir source_;
    GuestPlan plan_;
    HostHandles host_;
};

TEST_F(OutsideViewTest, ABindMountIsItsSource) {
    bind("/data");
    EXPECT_TRUE(inside([] {
        return ::access("/data/file", F_OK) == 0 && ::access("/data/beneath", F_OK) != 0 &&
               writes("/data/new");
    }));
    EXPECT_EQ(::access((source_ / "new").c_str(), F_OK), 0);
}

TEST_F(OutsideViewTest, WhatTheGuestMountsItselfTakesNoFiles) {
    for (auto const* path : {"/data", "/lacking", "/tmp"})
        plan_.config.mounts.push_back({path, "tmpfs", "tmpfs", {}});
    EXPECT_TRUE(inside(
        [] { return ::access("/data/beneath", F_OK) != 0 && !writes("/data/new") && !writes("/tmp/new"); }));
}

TEST_F(OutsideViewTest, ReadOnlyStaysReadOnly) {
    bind("/data", /*read_only=*/true);
    EXPECT_TRUE(inside([] { return writes("/tmp/new") && !writes("/data/new"); }));
    plan_.config.krun.readonly = true;
    EXPECT_TRUE(inside([] { return !writes("/tmp/other"); }));
}

TEST_F(OutsideViewTest, AMountPointThatTheRootfsLacksIsNotMade) {
    bind("/lacking");
    EXPECT_TRUE(inside([] { return ::access("/lacking", F_OK) != 0; }));
    EXPECT_NE(::access((rootfs_ / "lacking").c_str(), F_OK), 0);
}

TEST_F(OutsideViewTest, ALinkInTheRootfsLeadsNoFurtherThanItsRoot) {
    ASSERT_EQ(::symlink("../../../../data", (rootfs_ / "link").c_str()), 0);
    bind("/link");
    EXPECT_TRUE(inside([] { return ::access("/data/file", F_OK) == 0; }));
}

TEST_F(OutsideViewTest, NeitherTheHostNorTheGuestsCopySeesItsMounts) {
    bind("/data");
    EXPECT_TRUE(inside([&] {
        // What the host has, and a share of the guest is copied from.
        return open_at(host_.rootfs.borrow(), "data/beneath", O_RDONLY).ok();
    }));
}

}  // namespace
}  // namespace krun::runtime
