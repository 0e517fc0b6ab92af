// SPDX-License-Identifier: Apache-2.0
// What a payload finds mounted, masked, created and read-only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "container_run.h"

namespace krun::init {
namespace {

using control::FrameType;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class ContainerMounts : public ::testing::Test {
protected:
    void SetUp() override {
        if (auto const why = ContainerRun::why_impossible(); !why.empty()) GTEST_SKIP() << "skipped: " << why;
    }
    static void write(std::filesystem::path const& path, std::string const& text) {
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }
    std::string bind_source(std::string const& name) { return run_.tree() / "binds" / name; }
    std::string output_of(std::vector<std::string> commands) {
        run_.probe(std::move(commands));
        EXPECT_EQ(run_.run(), 0) << run_.failure_text();
        return run_.output();
    }
    std::string failure() {
        run_.launch();
        EXPECT_EQ(run_.next_frame().type, FrameType::kHello);
        EXPECT_EQ(run_.next_frame().type, FrameType::kFailed);
        return run_.failure_text();
    }
    ContainerRun run_;
};

TEST_F(ContainerMounts, NothingOfTheBootTreeIsLeft) {
    auto const mounts = output_of({"file", "/proc/self/mountinfo", ",", "list", "/"});
    EXPECT_THAT(mounts, Not(HasSubstr(run_.tree().string() + " ")));
    EXPECT_THAT(mounts, HasSubstr("//bin\n"));
    EXPECT_THAT(mounts, Not(HasSubstr("binds")));
    EXPECT_THAT(mounts, ContainsRegex(" / / [a-z,]*.*\n|rootfs / "));
}

TEST_F(ContainerMounts, DefaultDevicesAndLinksAreThere) {
    auto const out =
        output_of({"stat", "/dev/null",   ",", "stat", "/dev/zero",    ",", "stat",       "/dev/full",  ",",
                   "stat", "/dev/random", ",", "stat", "/dev/urandom", ",", "stat",       "/dev/tty",   ",",
                   "stat", "/dev/ptmx",   ",", "stat", "/dev/fd",      ",", "write-path", "/dev/stdout"});
    EXPECT_THAT(out, HasSubstr("/dev/null: mode=020666 rdev=1:3"));
    EXPECT_THAT(out, HasSubstr("/dev/zero: mode=020666 rdev=1:5"));
    EXPECT_THAT(out, HasSubstr("/dev/full: mode=020666 rdev=1:7"));
    EXPECT_THAT(out, HasSubstr("/dev/random: mode=020666 rdev=1:8"));
    EXPECT_THAT(out, HasSubstr("/dev/urandom: mode=020666 rdev=1:9"));
    EXPECT_THAT(out, HasSubstr("/dev/tty: mode=020666 rdev=5:0"));
    EXPECT_THAT(out, HasSubstr("/dev/ptmx: mode=120777"));
    EXPECT_THAT(out, HasSubstr("/dev/fd: mode=120777"));
    EXPECT_THAT(out, HasSubstr("by path\n"));
}

TEST_F(ContainerMounts, ExtraDeviceHasItsModeAndOwner) {
    run_.config().krun.devices = {{"/dev/net/mine", "c", 10, 200, 0640, 7, 8},
                                  {"/dev/pipe", "p", 0, 0, 0600, 0, 0}};
    auto const out = output_of({"stat", "/dev/net/mine", ",", "stat", "/dev/pipe"});
    EXPECT_THAT(out, HasSubstr("/dev/net/mine: mode=020640 rdev=10:200 uid=7"));
    EXPECT_THAT(out, HasSubstr("/dev/pipe: mode=010600"));
}

TEST_F(ContainerMounts, DefaultDeviceGivesWayToAMountAndToADeviceOfTheSpec) {
    run_.config().mounts.push_back({"/dev/random", "bind", "/dev/urandom", {"bind"}});
    run_.config().krun.devices = {{"/dev/full", "c", 1, 5, 0600, 0, 0}};
    auto const out = output_of({"stat", "/dev/random", ",", "stat", "/dev/full"});
    EXPECT_THAT(out, ContainsRegex("/dev/random: mode=020666 rdev=1:9"));
    EXPECT_THAT(out, HasSubstr("/dev/full: mode=020600 rdev=1:5"));
}

TEST_F(ContainerMounts, DeviceOfTheSpecThatAMountHidesIsAnError) {
    run_.config().mounts.push_back({"/dev/mine", "bind", "/dev/urandom", {"bind"}});
    run_.config().krun.devices = {{"/dev/mine", "c", 10, 200, 0600, 0, 0}};
    run_.launch();
    EXPECT_EQ(run_.next_frame().type, control::FrameType::kHello);
    auto const failed = run_.next_frame();
    EXPECT_EQ(failed.type, control::FrameType::kFailed);
    EXPECT_EQ(failed.text(), "device /dev/mine: something else is there already");
}

TEST_F(ContainerMounts, BindOfADirectoryIsWritableAndReadOnlyAsAsked) {
    write(bind_source("0/file"), "zero");
    write(bind_source("1/file"), "one");
    run_.config().mounts.push_back({"/data", "bind", bind_source("0"), {"rbind", "rw"}});
    run_.config().mounts.push_back(
        {"/conf/deep", "bind", bind_source("1"), {"rbind", "ro", "nosuid", "nodev"}});
    auto const out =
        output_of({"file", "/data/file", ",", "file", "/conf/deep/file", ",", "create", "/data/new", ",",
                   "create", "/conf/deep/new", ",", "file", "/proc/self/mountinfo"});
    EXPECT_THAT(out, HasSubstr("zeroone"));
    EXPECT_THAT(out, HasSubstr("create /data/new: errno 0"));
    EXPECT_THAT(out, HasSubstr("create /conf/deep/new: errno 30"));  // EROFS
    EXPECT_THAT(out, ContainsRegex("/conf/deep ro,nosuid,nodev"));
    EXPECT_TRUE(std::filesystem::exists(bind_source("0/new")));
}

TEST_F(ContainerMounts, BindOfASingleFileShowsOnlyThatFile) {
    write(bind_source("resolv.conf"), "nameserver 1.2.3.4\n");
    write(bind_source("secret"), "");
    write(run_.rootfs() / "etc/resolv.conf", "from the image\n");
    run_.config().mounts.push_back({"/etc/resolv.conf", "bind", bind_source("resolv.conf"), {"bind"}});
    auto const out = output_of({"file", "/etc/resolv.conf", ",", "list", "/etc"});
    EXPECT_EQ(out, "nameserver 1.2.3.4\n/etc/resolv.conf\n");
}

TEST_F(ContainerMounts, LaterMountLandsInAnEarlierOne) {
    write(bind_source("containerenv"), "engine\n");
    run_.config().mounts.push_back({"/run", "tmpfs", "tmpfs", {"mode=0700"}});
    run_.config().mounts.push_back(
        {"/run/.containerenv", "bind", bind_source("containerenv"), {"bind", "ro"}});
    EXPECT_EQ(output_of({"file", "/run/.containerenv"}), "engine\n");
}

TEST_F(ContainerMounts, TmpfsOptionsAreHonoured) {
    run_.config().mounts.push_back(
        {"/small",
         "tmpfs",
         "tmpfs",
         {"size=128k", "mode=1750", "uid=11", "gid=12", "noexec", "nodev", "nosuid"}});
    auto const out = output_of({"stat", "/small", ",", "file", "/proc/self/mountinfo"});
    EXPECT_THAT(out, HasSubstr("/small: mode=041750 rdev=0:0 uid=11"));
    EXPECT_THAT(out, ContainsRegex("/small rw,nosuid,nodev,noexec.*size=128k"));
}

TEST_F(ContainerMounts, ReadOnlyTmpfsStillHoldsLaterMounts) {
    write(bind_source("f"), "inside\n");
    run_.config().mounts.push_back({"/ro", "tmpfs", "tmpfs", {"ro"}});
    run_.config().mounts.push_back({"/ro/f", "bind", bind_source("f"), {"bind"}});
    auto const out = output_of({"file", "/ro/f", ",", "create", "/ro/x"});
    EXPECT_EQ(out, "inside\ncreate /ro/x: errno 30\n");
}

TEST_F(ContainerMounts, CopyUpStartsWithWhatItCovers) {
    write(run_.rootfs() / "var/lib/a/b", "deep\n");
    ::chmod((run_.rootfs() / "var/lib/a").c_str(), 0710);
    ::symlink("a/b", (run_.rootfs() / "var/lib/link").c_str());
    run_.config().mounts.push_back({"/var/lib", "tmpfs", "tmpfs", {"tmpcopyup"}});
    auto const out =
        output_of({"file", "/var/lib/link", ",", "stat", "/var/lib/a", ",", "create", "/var/lib/new"});
    EXPECT_THAT(out, HasSubstr("deep\n"));
    EXPECT_THAT(out, HasSubstr("mode=040710"));
    EXPECT_FALSE(std::filesystem::exists(run_.rootfs() / "var/lib/new"));
}

TEST_F(ContainerMounts, LinkInTheImageCannotMoveAMountOutOfTheRoot) {
    write(run_.tree() / "outside/file", "host\n");
    write(bind_source("0/file"), "mounted\n");
    std::filesystem::create_directory_symlink(run_.tree() / "outside", run_.rootfs() / "absolute");
    std::filesystem::create_directory_symlink("../../../../../../outside", run_.rootfs() / "climbing");
    run_.config().mounts.push_back({"/absolute", "bind", bind_source("0"), {"bind"}});
    run_.config().mounts.push_back({"/climbing", "bind", bind_source("0"), {"bind"}});
    auto const out = output_of({"file", "/absolute/file", ",", "file", "/climbing/file"});
    EXPECT_EQ(out, "mounted\nmounted\n");
    EXPECT_EQ(std::filesystem::file_size(run_.tree() / "outside/file"), 5u);
    EXPECT_FALSE(std::filesystem::exists(run_.tree() / "outside/new"));
}

TEST_F(ContainerMounts, MaskedPathsAreEmptyAndReadOnly) {
    write(run_.rootfs() / "secret/key", "s3cret");
    write(run_.rootfs() / "file", "s3cret");
    run_.config().krun.masked_paths = {"/secret", "/file", "/not/there", "/proc/keys"};
    auto const out = output_of({"list", "/secret", ",", "file", "/file", ",", "create", "/secret/x", ",",
                                "stat", "/file", ",", "file", "/proc/keys"});
    EXPECT_THAT(out, Not(HasSubstr("s3cret")));
    EXPECT_THAT(out, HasSubstr("create /secret/x: errno 30"));
    EXPECT_THAT(out, HasSubstr("rdev=1:3"));
    EXPECT_THAT(out, Not(HasSubstr("/secret/key")));
}

TEST_F(ContainerMounts, ReadonlyPathsRefuseWrites) {
    write(run_.rootfs() / "data/file", "");
    run_.config().krun.readonly_paths = {"/data", "/proc/sys", "/not/there"};
    auto const out =
        output_of({"create", "/data/x", ",", "create", "/proc/sys/kernel/hostname", ",", "create", "/y"});
    EXPECT_EQ(out,
              "create /data/x: errno 30\ncreate /proc/sys/kernel/hostname: errno 30\ncreate /y: errno 0\n");
}

TEST_F(ContainerMounts, ReadonlyRootLeavesItsTmpfsWritable) {
    run_.config().krun.readonly = true;
    auto const out = output_of({"create", "/x", ",", "create", "/tmp/x", ",", "create", "/dev/shm-like"});
    EXPECT_EQ(out, "create /x: errno 30\ncreate /tmp/x: errno 0\ncreate /dev/shm-like: errno 0\n");
}

TEST_F(ContainerMounts, PropagationOfTheRootIsTheSpecs) {
    run_.config().krun.propagation = "rshared";
    EXPECT_THAT(output_of({"file", "/proc/self/mountinfo"}), ContainsRegex(" / [a-z,]* shared:"));
}

TEST_F(ContainerMounts, KernelFileSystemsOfAnEnginesDefaultsAreMade) {
    run_.config().krun.namespaces = {"ipc", "uts", "cgroup"};
    for (guest::Mount const& mount : {
             guest::Mount{"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
             guest::Mount{"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
             guest::Mount{
                 "/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
             guest::Mount{"/sys/fs/cgroup", "cgroup", "cgroup", {"rprivate", "nosuid", "relatime", "ro"}},
         })
        run_.config().mounts.push_back(mount);
    auto const out = output_of({"file", "/proc/self/mountinfo", ",", "file", "/proc/self/cgroup"});
    EXPECT_THAT(out, ContainsRegex("/sys ro,nosuid,nodev,noexec[a-z,]* - sysfs sysfs"));
    EXPECT_THAT(out, ContainsRegex("/dev/mqueue rw,nosuid,nodev,noexec[a-z,]* - mqueue mqueue"));
    EXPECT_THAT(out, ContainsRegex("/dev/shm rw,nosuid,nodev,noexec[a-z,]* - tmpfs shm .*size=65536k"));
    EXPECT_THAT(out, ContainsRegex("/sys/fs/cgroup ro,nosuid,relatime - cgroup2 cgroup"));
    EXPECT_THAT(out, HasSubstr("0::/\n"));
}

TEST_F(ContainerMounts, UnknownFileSystemNamesTheMount) {
    run_.config().mounts.push_back({"/x", "nosuchfs", "none", {}});
    EXPECT_EQ(failure(), "mount /x: the guest kernel has no file system \"nosuchfs\"");
}

TEST_F(ContainerMounts, BadOptionNamesTheMountAndTheOption) {
    run_.config().mounts.push_back({"/x", "tmpfs", "tmpfs", {"size=many"}});
    EXPECT_THAT(failure(), HasSubstr("mount /x: option \"size=many\""));
}

TEST_F(ContainerMounts, MissingBindSourceNamesTheMount) {
    run_.config().mounts.push_back({"/x", "bind", "/binds/99", {"bind"}});
    EXPECT_EQ(failure(), "mount /x: take mount \"/binds/99\": No such file or directory");
}

}  // namespace
}  // namespace krun::init
