// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/mount_points.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace krun::runtime {

bool operator==(MountPoint const& a, MountPoint const& b) {
    return a.path == b.path && a.directory == b.directory;
}
void PrintTo(MountPoint const& point, std::ostream* out) {
    *out << point.path << (point.directory ? "/" : "");
}

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class MountPointsTest : public testing::Test {
protected:
    std::vector<MountPoint> missing(std::vector<guest::Mount> const& mounts) {
        return missing_mount_points(rootfs_.fd(), mounts, binds_);
    }
    static guest::Mount mount_on(std::string destination) { return {std::move(destination), "proc", "", {}}; }
    // A mount that binds a regular file.
    guest::Mount file_on(std::string destination) {
        outside_.write("file", "");
        binds_.push_back({std::move(open_path(outside_ / "file", O_PATH)).value(), false, false, false});
        return {std::move(destination), "bind", bind_source_path(binds_.size() - 1), {}};
    }

    test::TempDir rootfs_;
    test::TempDir outside_;
    std::vector<BindHandle> binds_;
};

TEST_F(MountPointsTest, ExistingDestinationsNeedNothing) {
    rootfs_.make_dir("proc");
    EXPECT_THAT(missing({mount_on("/proc"), mount_on("/")}), IsEmpty());
}

TEST_F(MountPointsTest, MissingTailComesParentsFirst) {
    rootfs_.make_dir("a");
    EXPECT_THAT(missing({mount_on("/a/b/c")}),
                ElementsAre(MountPoint{"/a/b", true}, MountPoint{"/a/b/c", true}));
}

TEST_F(MountPointsTest, NeededDirectoriesAreMadeUnlessAMountHoldsThem) {
    rootfs_.make_dir("run");
    EXPECT_THAT(missing_mount_points(rootfs_.fd(), {mount_on("/proc"), mount_on("/run/tmp")}, {},
                                     {"/run/notify", "/run/tmp/below", "/proc"}),
                ElementsAre(MountPoint{"/proc", true}, MountPoint{"/run/tmp", true},
                            MountPoint{"/run/notify", true}));
}

TEST_F(MountPointsTest, DevicesAreMadeUnlessAMountHoldsThem) {
    rootfs_.make_dir("opt");
    auto const found = missing_mount_points(rootfs_.fd(), {mount_on("/opt"), mount_on("/dev")}, {}, {},
                                            {{"/dev/x", "c", 1, 3}, {"/srv/x", "b", 7, 9, 0640, 1, 2}});
    ASSERT_THAT(found,
                ElementsAre(MountPoint{"/dev", true}, MountPoint{"/srv", true}, MountPoint{"/srv/x", false}));
    EXPECT_FALSE(found[1].device);
    EXPECT_EQ(found[2].mode, 0640u);
    EXPECT_EQ(found[2].device.value().minor, 9u);
}

TEST(NeededDirectories, AreTheNotifySocketsAndWithAReadOnlyRootTheWorkingDirectory) {
    KrunConfig config;
    config.process.cwd = "/work";
    EXPECT_THAT(needed_directories(config), IsEmpty());
    config.krun.notify_socket = "/run/notify/notify.sock";
    EXPECT_THAT(needed_directories(config), ElementsAre("/run/notify"));
    config.krun.readonly = true;
    EXPECT_THAT(needed_directories(config), ElementsAre("/run/notify", "/work"));
}

TEST_F(MountPointsTest, BindOfAFileNeedsAFile) {
    auto const file = file_on("/etc/hosts");
    EXPECT_THAT(
        missing({mount_on("/proc"), file}),
        ElementsAre(MountPoint{"/proc", true}, MountPoint{"/etc", true}, MountPoint{"/etc/hosts", false}));
}

TEST_F(MountPointsTest, BindOfADeviceOfTheGuestNeedsAFile) {
    EXPECT_THAT(missing({{"/null", "bind", "/dev/null", {}}, {"/sysfs", "bind", "/sys", {}}}),
                ElementsAre(MountPoint{"/null", false}, MountPoint{"/sysfs", true}));
}

TEST_F(MountPointsTest, TmpfsWithoutAModeFindsTheKernelsDefault) {
    auto const points = missing({{"/a/b", "tmpfs", "", {}}});
    ASSERT_EQ(points.size(), 2u);
    EXPECT_EQ(points[0].mode, 0755u);
    EXPECT_EQ(points[1].mode, 01777u);
}

TEST_F(MountPointsTest, SharedParentsAreListedOnce) {
    EXPECT_THAT(missing({mount_on("/m/a"), mount_on("/m/b")}),
                ElementsAre(MountPoint{"/m", true}, MountPoint{"/m/a", true}, MountPoint{"/m/b", true}));
}

TEST_F(MountPointsTest, DestinationBelowAnEarlierMountIsThatMountsAffair) {
    rootfs_.make_dir("run");
    EXPECT_THAT(missing({mount_on("/run"), mount_on("/run/secrets")}), IsEmpty());
    EXPECT_THAT(missing({mount_on("/run"), mount_on("/running")}), ElementsAre(MountPoint{"/running", true}));
}

TEST_F(MountPointsTest, LinksAreResolvedInsideTheRootfs) {
    rootfs_.make_dir("run");
    rootfs_.make_dir("var");
    rootfs_.link("/run", "var/run");
    EXPECT_THAT(missing({mount_on("/var/run/app")}), ElementsAre(MountPoint{"/run/app", true}));
}

TEST_F(MountPointsTest, LinkThatPointsOutsideStaysInside) {
    rootfs_.link("../../../../../../../../tmp", "escape");
    rootfs_.make_dir("tmp");
    EXPECT_THAT(missing({mount_on("/escape/x")}), ElementsAre(MountPoint{"/tmp/x", true}));
}

TEST_F(MountPointsTest, DanglingLinkLeadsToAMountPointAtItsTarget) {
    rootfs_.link("/no/where", "dangling");
    EXPECT_THAT(
        missing({mount_on("/dangling/x")}),
        ElementsAre(MountPoint{"/no", true}, MountPoint{"/no/where", true}, MountPoint{"/no/where/x", true}));
}

TEST_F(MountPointsTest, LinkAboveTheRootStaysInside) {
    rootfs_.make_dir("run");
    rootfs_.link("/../..", "up");
    EXPECT_THAT(missing({mount_on("/up/run/new")}), ElementsAre(MountPoint{"/run/new", true}));
}

TEST_F(MountPointsTest, LoopOfLinksIsLeftToInit) {
    rootfs_.link("b", "a");
    rootfs_.link("a", "b");
    EXPECT_THAT(missing({mount_on("/a/x")}), IsEmpty());
}

TEST_F(MountPointsTest, DotDotTakesTheComponentBeforeItAway) {
    EXPECT_THAT(missing({mount_on("/no/../such")}), ElementsAre(MountPoint{"/such", true}));
}

}  // namespace
}  // namespace krun::runtime
