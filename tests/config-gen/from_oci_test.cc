// SPDX-License-Identifier: Apache-2.0
#include "config-gen/from_oci.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config-gen/write.h"
#include "oci/load.h"
#include "tests/support/golden.h"

namespace krun {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

oci::Spec minimal() {
    oci::Spec spec;
    spec.process.emplace().args = {"sh"};
    spec.process->cwd = "/";
    return spec;
}
oci::Mount bind(std::string destination, std::string source, std::vector<std::string> options = {"rbind"}) {
    return {std::move(destination), "bind", std::move(source), std::move(options)};
}
KrunConfig config_of(oci::Spec const& spec) {
    return from_oci(spec).value().config;
}
// The same config through its bytes.
KrunConfig reread(KrunConfig const& config) {
    auto const json = Json::parse(write_krun_config(config), kMaxKrunConfigBytes).value();
    return read_object<KrunConfig>(JsonAt(json)).value();
}

// UPDATE_GOLDEN=1 rewrites the expectations; the inputs are whole config.json files.
class FromOciGolden : public ::testing::TestWithParam<char const*> {};
TEST_P(FromOciGolden, GivesTheExpectedBytes) {
    std::string const base = std::string("tests/golden/config-gen/") + GetParam();
    auto const spec = oci::parse_spec(test::read_source_file(base + ".config.json")).value();
    test::expect_golden(base + ".krun.json",
                        write_krun_config(config_of(spec), JsonWriter::Style::kIndented));
}
INSTANTIATE_TEST_SUITE_P(Specs, FromOciGolden, ::testing::Values("podman", "runc_spec", "terminal"));

TEST(FromOci, WithoutProcessIsRefused) {
    EXPECT_EQ(from_oci({}).error().message(), "process: required field is missing");
}

TEST(FromOci, DefaultsAreThoseOfRuncsUsers) {
    auto const config = config_of(minimal());
    EXPECT_EQ(config.process.user.umask, 0022u);
    EXPECT_THAT(config.process.capabilities.bounding, IsEmpty());
    EXPECT_FALSE(config.process.oom_score_adj);
    EXPECT_EQ(config.krun.root, "/rootfs");
    EXPECT_EQ(config.krun.seccomp, "");
}

TEST(FromOci, UmaskZeroSurvivesTheBytes) {
    auto spec = minimal();
    spec.process->user.umask = 0;
    EXPECT_EQ(reread(config_of(spec)).process.user.umask, 0u);
}

TEST(FromOci, DeviceModeZeroSurvivesTheBytes) {
    auto spec = minimal();
    spec.linux.devices = {{"c", "/dev/x", 1, 3, 0, {}, {}}};
    EXPECT_EQ(reread(config_of(spec)).krun.devices.at(0).file_mode, 0u);
}

TEST(FromOci, BindSourcesAreNumberedInTheirOrderAndReported) {
    auto spec = minimal();
    spec.mounts = {
        bind("/a", "/host/a"), {"/dev", "tmpfs", "tmpfs", {}}, bind("/b", "rel/b", {"bind", "ro"})};
    auto const plan = from_oci(spec).value();
    EXPECT_EQ(plan.config.mounts.at(0).source, "/binds/0");
    EXPECT_EQ(plan.config.mounts.at(2).source, "/binds/1");
    ASSERT_EQ(plan.binds.size(), 2u);
    EXPECT_EQ(plan.binds[0].path, "/host/a");
    EXPECT_EQ(plan.binds[0].mount, 0u);
    EXPECT_TRUE(plan.binds[0].recursive);
    EXPECT_FALSE(plan.binds[0].readonly);
    EXPECT_EQ(plan.binds[1].path, "rel/b");
    EXPECT_EQ(plan.binds[1].mount, 2u);
    EXPECT_FALSE(plan.binds[1].recursive);
    EXPECT_TRUE(plan.binds[1].readonly);
}

TEST(FromOci, BindByOptionAloneIsABind) {
    auto spec = minimal();
    spec.mounts = {{"/a", "none", "/host/a", {"rbind"}}, {"/b", "", "/host/b", {"bind"}}};
    auto const plan = from_oci(spec).value();
    EXPECT_EQ(plan.binds.size(), 2u);
    EXPECT_EQ(plan.config.mounts.at(1).type, "bind");
}

TEST(FromOci, KernelFileSystemsAndDevicesAreTheGuestsOwn) {
    auto spec = minimal();
    spec.mounts = {bind("/x", "/sys/fs/cgroup"), bind("/y", "/proc"), bind("/dev/null", "/dev/null"),
                   bind("/z", "/dev/shm"), bind("/w", "/system")};
    auto const plan = from_oci(spec).value();
    std::vector<std::string> sources;
    for (auto const& mount : plan.config.mounts) sources.push_back(mount.source);
    EXPECT_THAT(sources,
                ElementsAre("tmpfs", "/sys/fs/cgroup", "/proc", "/dev/null", "/binds/0", "/binds/1"));
}

TEST(FromOci, MissingDevIsATmpfsBeforeAllOthers) {
    auto spec = minimal();
    spec.mounts = {{"/dev/pts", "devpts", "devpts", {}}};
    auto const config = config_of(spec);
    ASSERT_EQ(config.mounts.size(), 2u);
    EXPECT_EQ(config.mounts[0].destination, "/dev");
    EXPECT_EQ(config.mounts[0].type, "tmpfs");
}

TEST(FromOci, IdMappedMountIsMappedOnTheHostByItsOwnMapsOrTheContainers) {
    auto spec = minimal();
    spec.linux.uid_mappings = {{0, 100'000, 10}};
    spec.linux.gid_mappings = {{0, 200'000, 10}};
    spec.mounts = {bind("/a", "/b", {"bind", "idmap"}), bind("/a", "/c", {"rbind", "ridmap"}),
                   bind("/a", "/d", {"bind"}), bind("/a", "/e", {"bind"})};
    spec.mounts[1].uid_mappings = {{5, 6, 7}};
    spec.mounts[1].gid_mappings = {{8, 9, 10}};
    spec.mounts[2].uid_mappings = spec.mounts[2].gid_mappings = {{1, 2, 3}};
    auto const plan = from_oci(spec);
    ASSERT_TRUE(plan.ok()) << plan.error().message();
    auto const& binds = plan.value().binds;
    EXPECT_EQ(binds[0].uid_mappings.at(0).host_id, 100'000u);
    EXPECT_EQ(binds[0].gid_mappings.at(0).host_id, 200'000u);
    EXPECT_FALSE(binds[0].recursive_ids);
    EXPECT_EQ(binds[1].uid_mappings.at(0).container_id, 5u);
    EXPECT_TRUE(binds[1].recursive_ids);
    EXPECT_EQ(binds[2].gid_mappings.at(0).size, 3u);
    EXPECT_TRUE(binds[3].uid_mappings.empty());
    for (auto const& mount : plan.value().config.mounts)
        for (auto const& option : mount.options) EXPECT_EQ(option.find("idmap"), option.npos);
}

TEST(FromOci, LimitsThatProgramsReadGoIntoTheGuestsCgroup) {
    auto spec = minimal();
    auto& resources = spec.linux.resources.emplace();
    resources.pids = oci::PidsLimit{100};
    resources.memory.emplace().limit = 1 << 30;
    resources.cpu.emplace().quota = 50'000;
    auto const cgroup = config_of(spec).krun.cgroup;
    EXPECT_EQ(cgroup.at("pids.max"), "100");
    EXPECT_EQ(cgroup.at("memory.max"), "1073741824");
    EXPECT_EQ(cgroup.at("cpu.max"), "50000 100000");
}

TEST(FromOci, QuotaAndPeriodOfZeroAreNotSet) {
    auto spec = minimal();
    auto& cpu = spec.linux.resources.emplace().cpu.emplace();
    cpu.quota = 0;
    cpu.period = 0;
    EXPECT_FALSE(config_of(spec).krun.cgroup.contains("cpu.max"));
    cpu.quota = 50'000;
    EXPECT_EQ(config_of(spec).krun.cgroup.at("cpu.max"), "50000 100000");
}

TEST(FromOci, WeightsReservationsAndUnifiedFilesOfTheGuestsControllersGoThereToo) {
    auto spec = minimal();
    auto& resources = spec.linux.resources.emplace();
    auto& memory = resources.memory.emplace();
    memory.limit = 100;
    memory.swap = 150;
    memory.reservation = 30;
    auto& cpu = resources.cpu.emplace();
    cpu.shares = 2048;
    cpu.cpus = "2-3";
    resources.unified = {{"memory.high", "90"}, {"io.max", "8:0 rbps=1"}, {"cpuset.cpus", "7"}};
    std::map<std::string, std::string> const wanted = {{"memory.max", "100"}, {"memory.swap.max", "50"},
                                                       {"memory.low", "30"},  {"cpu.weight", "79"},
                                                       {"cpuset.cpus", ""},   {"memory.high", "90"}};
    EXPECT_EQ(config_of(spec).krun.cgroup, wanted);
}

TEST(FromOci, OwnersInAUserNamespaceBecomeTheMachines) {
    auto spec = minimal();
    spec.linux.namespaces.push_back({"user", ""});
    spec.linux.uid_mappings = {{0, 100'000, 1000}};
    spec.linux.gid_mappings = {{0, 200'000, 1000}};
    spec.mounts = {{"/dev", "tmpfs", "tmpfs", {"uid=7", "gid=5", "gid=1000", "size=1m"}}};
    spec.linux.devices = {{"c", "/dev/x", 1, 3, std::nullopt, 7u, std::nullopt}};
    spec.process->user.uid = 9;
    auto const config = config_of(spec);
    EXPECT_THAT(config.mounts[0].options, ElementsAre("uid=100007", "gid=200005", "gid=65534", "size=1m"));
    EXPECT_EQ(config.krun.devices[0].uid, 100'007u);
    EXPECT_EQ(config.krun.devices[0].gid, 200'000u);
    EXPECT_EQ(config.process.user.uid, 9u);
    EXPECT_EQ(guest::machine_id(config.krun.uid_mappings, config.process.user.uid), 100'009u);
    EXPECT_THAT(config.krun.sysctl, IsEmpty());
}

TEST(FromOci, LowPortsAreOpenedWhereACapabilityOfAUserNamespaceWouldOpenThem) {
    auto spec = minimal();
    spec.process->capabilities.emplace().effective = {"CAP_NET_BIND_SERVICE"};
    EXPECT_THAT(config_of(spec).krun.sysctl, IsEmpty());
    spec.linux.namespaces.push_back({"user", ""});
    spec.linux.uid_mappings = spec.linux.gid_mappings = {{0, 1, 1}};
    std::map<std::string, std::string> wanted = {{"net.ipv4.ip_unprivileged_port_start", "0"}};
    EXPECT_EQ(config_of(spec).krun.sysctl, wanted);
    spec.linux.sysctl = wanted = {{"net.ipv4.ip_unprivileged_port_start", "443"}};
    EXPECT_EQ(config_of(spec).krun.sysctl, wanted);
}

// Written all the same: update takes a limit away with it.
TEST(FromOci, UnlimitedIsNoLimitInTheGuest) {
    auto spec = minimal();
    auto& resources = spec.linux.resources.emplace();
    resources.pids = oci::PidsLimit{-1};
    resources.memory.emplace().limit = -1;
    resources.cpu.emplace().quota = -1;
    std::map<std::string, std::string> const none = {
        {"cpu.max", "max 100000"}, {"memory.max", "max"}, {"pids.max", "max"}};
    EXPECT_EQ(config_of(spec).krun.cgroup, none);
}

TEST(FromOci, SeccompErrorsNameTheirPath) {
    auto spec = minimal();
    spec.linux.seccomp.emplace().default_action = "SCMP_ACT_NOTIFY";
    EXPECT_EQ(from_oci(spec).error().message(),
              "linux.seccomp: defaultAction: SCMP_ACT_NOTIFY is not supported");
}

TEST(FromOci, ConsoleSizeIsCarriedOnlyWithATerminalAndFitsIt) {
    auto spec = minimal();
    spec.process->console_size = oci::ConsoleSize{70'000, 80};
    EXPECT_FALSE(config_of(spec).process.console_size);
    spec.process->terminal = true;
    EXPECT_EQ(config_of(spec).process.console_size->height, UINT16_MAX);
    EXPECT_EQ(config_of(spec).process.console_size->width, 80u);
}

TEST(FromOci, InjectedFilesAreBoundAfterAllMountsAsTheContainersRoot) {
    auto spec = minimal();
    spec.mounts = {bind("/etc", "/srv/etc")};
    spec.annotations = {{"krun-oci.file./etc/motd", "hello"}, {"krun-oci.secret./key", "hush"}};
    spec.linux.namespaces = {{.type = "user", .path = {}}};
    spec.linux.uid_mappings = spec.linux.gid_mappings = {{0, 1000, 10}};
    auto const plan = from_oci(spec).value();
    auto const& mounts = plan.config.mounts;
    ASSERT_GE(mounts.size(), 3u);
    EXPECT_EQ(mounts[mounts.size() - 2].destination, "/etc/motd");
    EXPECT_EQ(mounts[mounts.size() - 2].source, plan.files[0].boot_path);
    EXPECT_THAT(mounts.back().options, ElementsAre("bind", "ro", "nosuid", "nodev"));
    EXPECT_EQ(plan.files[0].mode, 0444u);
    EXPECT_EQ(plan.files[1].mode, 0400u);
    EXPECT_EQ(plan.files[1].uid, 1000u);
    EXPECT_FALSE(plan.files[0].once);
    EXPECT_TRUE(plan.files[1].once);
}

TEST(FromOci, DisksAreToldByTheirSerialsAndAReadOnlyRootIsMountedSo) {
    auto spec = minimal();
    EXPECT_FALSE(config_of(spec).krun.root_disk);
    spec.annotations = {{"krun-oci.disk.data", "/d"}, {"krun-oci.root", "/r,ro,fstype=ext4,options=noatime"}};
    auto const krun = config_of(spec).krun;
    EXPECT_THAT(krun.disks, ElementsAre("data"));
    ASSERT_TRUE(krun.root_disk);
    EXPECT_EQ(krun.root_disk->serial, "root");
    EXPECT_EQ(krun.root_disk->type, "ext4");
    EXPECT_THAT(krun.root_disk->options, ElementsAre("noatime", "ro"));
}

TEST(FromOci, ABudgetIsTheRootsOrTheLastMountsAtItsDestination) {
    auto spec = minimal();
    spec.mounts = {bind("/data/", "/a"), bind("/data", "/b"), bind("/other", "/c")};
    spec.annotations = {{"krun-oci.budget./", "files=7"}, {"krun-oci.budget./data", "bytes=1K"}};
    auto const plan = from_oci(spec).value();
    EXPECT_EQ(plan.root_budget->files, 7u);
    EXPECT_FALSE(plan.binds[0].budget);
    EXPECT_EQ(plan.binds[1].budget->bytes, 1024u);
    EXPECT_FALSE(plan.binds[2].budget);
    spec.annotations = {{"krun-oci.budget./elsewhere", "bytes=1K"}};
    EXPECT_EQ(from_oci(spec).error().message(),
              "annotations[\"krun-oci.budget./elsewhere\"]: no bind mount has this destination");
    spec.annotations = {{"krun-oci.budget./", "bytes=1K"}, {"krun-oci.root", "/r"}};
    EXPECT_EQ(from_oci(spec).error().message(),
              "annotations[\"krun-oci.budget./\"]: the root is a disk, which has a size");
}

TEST(FromOci, TheInfoTreeIsForThoseWhoAsk) {
    auto spec = minimal();
    EXPECT_FALSE(from_oci(spec).value().info);
    spec.annotations = {{"krun-oci.info", "1"}};
    auto const plan = from_oci(spec).value();
    EXPECT_TRUE(plan.info);
    EXPECT_EQ(plan.config.mounts.back().destination, "/run/krun");
    EXPECT_EQ(plan.config.mounts.back().source, kInfoTree);
}

}  // namespace
}  // namespace krun
