// SPDX-License-Identifier: Apache-2.0
#include "oci/annotations.h"

#include <gtest/gtest.h>

#include <tuple>

#include "oci/mount_options.h"

namespace krun::oci {
namespace {

using Map = std::map<std::string, std::string>;

std::string verdict(Map const& annotations) {
    auto const read = read_annotations(annotations);
    return read.ok() ? "accepted" : read.error().message();
}

TEST(Annotations, MachineIsDescribed) {
    auto const read = read_annotations(
        {{"krun.cpus", "4"}, {"krun.ram_mib", "2048"}, {"krun-oci.kernel", "/boot/vmlinux"}});
    ASSERT_TRUE(read.ok()) << read.error().message();
    EXPECT_EQ(read.value().cpus, 4u);
    EXPECT_EQ(read.value().ram_mib, 2048u);
    EXPECT_EQ(read.value().kernel, "/boot/vmlinux");
}

TEST(Annotations, KernelHasAnInitrdAndParameters) {
    auto const read = read_annotations({{"krun-oci.initrd", "/boot/initrd.img"},
                                        {"krun-oci.kernel-parameters", " mitigations=off  nokaslr "},
                                        {"krun.nested_virt", "1"}});
    ASSERT_TRUE(read.ok()) << read.error().message();
    EXPECT_EQ(read.value().initrd, "/boot/initrd.img");
    EXPECT_EQ(read.value().kernel_parameters, (std::vector<std::string>{"mitigations=off", "nokaslr"}));
    EXPECT_TRUE(read.value().nested_virtualization);
    EXPECT_FALSE(read_annotations({{"krun.nested_virt", "0"}}).value().nested_virtualization);
    EXPECT_NE(verdict({{"krun-oci.initrd", "initrd.img"}}), "accepted");
    EXPECT_NE(verdict({{"krun-oci.kernel-parameters", "a\tb"}}), "accepted");
    EXPECT_NE(verdict({{"krun-oci.kernel-parameters", "a=\"b c\""}}), "accepted");
    EXPECT_NE(verdict({{"krun.nested_virt", "yes"}}), "accepted");
}

TEST(Annotations, ValuesThatCrunIgnoresMeanTheDefault) {
    auto const read = read_annotations({{"krun.cpus", "0"}, {"krun.ram_mib", "128"}});
    ASSERT_TRUE(read.ok()) << read.error().message();
    EXPECT_EQ(read.value().cpus, std::nullopt);
    EXPECT_EQ(read.value().ram_mib, std::nullopt);
}

TEST(Annotations, BadValueNamesKeyRuleAndValue) {
    EXPECT_EQ(verdict({{"krun.cpus", "-1"}}),
              R"(annotations["krun.cpus"]: must be a number of CPUs from 1 to 64, is "-1")");
    EXPECT_NE(verdict({{"krun.cpus", "65"}}), "accepted");
    EXPECT_NE(verdict({{"krun.cpus", "4 "}}), "accepted");
    EXPECT_NE(verdict({{"krun.ram_mib", "1048577"}}), "accepted");
    EXPECT_NE(verdict({{"krun.ram_mib", "18446744073709551616"}}), "accepted");
    EXPECT_NE(verdict({{"krun-oci.kernel", "vmlinux"}}), "accepted");
    EXPECT_NE(verdict({{"run.oci.handler", "wasm"}}), "accepted");
    EXPECT_NE(verdict({{"krun-oci.locks", "yes"}}), "accepted");
    EXPECT_EQ(verdict({{"krun-oci.locks", "guest"}}), "accepted");
    EXPECT_NE(verdict({{"krun-oci.acl", "1"}}), "accepted");
    EXPECT_EQ(verdict({{"krun-oci.acl", "no"}}), "accepted");
}

TEST(Annotations, FilesAreInjectedByTheirPath) {
    auto const read = read_annotations({{"krun-oci.file./etc/motd", "hello\n"},
                                        {"krun-oci.secret./run/key", "hush"},
                                        {"krun-oci.info", "1"},
                                        {"krun-oci.acl", "yes"},
                                        {"krun-oci.locks", "host"}});
    ASSERT_TRUE(read.ok()) << read.error().message();
    auto const& files = read.value().files;
    ASSERT_EQ(files.size(), 2u);
    EXPECT_EQ(files[0].path, "/etc/motd");
    EXPECT_EQ(files[0].content, "hello\n");
    EXPECT_FALSE(files[0].secret);
    EXPECT_EQ(files[1].path, "/run/key");
    EXPECT_TRUE(files[1].secret);
    EXPECT_TRUE(read.value().info);
    EXPECT_TRUE(read.value().host_locks);
    EXPECT_TRUE(read.value().posix_acls);
}

TEST(Annotations, InjectedPathsAreAbsoluteAndPlain) {
    for (std::string const path : {"", "etc", "/", "//a", "/a/", "/a/../b", "/./a", "/a/.."})
        EXPECT_NE(verdict({{"krun-oci.file." + path, "x"}}), "accepted") << path;
    EXPECT_NE(verdict({{"krun-oci.file./" + std::string(256, 'n'), "x"}}), "accepted");
    EXPECT_NE(verdict({{"krun-oci.file./a", "x"}, {"krun-oci.secret./a", "y"}}), "accepted");
}

TEST(Annotations, InjectedFilesTogetherHaveALimit) {
    std::string const half(kMaxInjectedBytes / 2, 'x');
    EXPECT_EQ(verdict({{"krun-oci.file./a", half}, {"krun-oci.file./b", half}}), "accepted");
    EXPECT_EQ(verdict({{"krun-oci.file./a", half}, {"krun-oci.file./b", half + "x"}}),
              "annotations[\"krun-oci.file./b\"]: all such files together may have 1 MiB");
}

TEST(Annotations, SecretsAreShownEmpty) {
    auto const shown = without_secrets({{"krun-oci.secret./key", "hush"}, {"krun-oci.file./a", "seen"}});
    EXPECT_EQ(shown.at("krun-oci.secret./key"), "");
    EXPECT_EQ(shown.at("krun-oci.file./a"), "seen");
    EXPECT_EQ(verdict({{"krun-oci.secret.key", "hush"}}).find("hush"), std::string::npos);
}

TEST(Annotations, BudgetsAreOfTheRootAndOfMounts) {
    auto const read = read_annotations({{"krun-oci.budget./", "bytes=512M,files=1000"},
                                        {"krun-oci.budget./data", "bytes=4096"},
                                        {"krun-oci.budget./srv/www", "files=0"}});
    ASSERT_TRUE(read.ok()) << read.error().message();
    auto const& budgets = read.value().budgets;
    ASSERT_EQ(budgets.size(), 3u);
    EXPECT_EQ(budgets[0].destination, "/");
    EXPECT_EQ(budgets[0].bytes, uint64_t{512} << 20);
    EXPECT_EQ(budgets[0].files, 1000u);
    EXPECT_EQ(budgets[1].bytes, 4096u);
    EXPECT_EQ(budgets[1].files, std::nullopt);
    EXPECT_EQ(budgets[2].bytes, std::nullopt);
    EXPECT_EQ(budgets[2].files, 0u);
    for (std::string const value :
         {"", "1M", "bytes=", "bytes=1X", "bytes=1025T", "bytes=18446744073709551615T", "bytes=-1",
          "files=262145", "files=1K", "bytes=1,", "size=1"})
        EXPECT_NE(verdict({{"krun-oci.budget./data", value}}), "accepted") << value;
    EXPECT_NE(verdict({{"krun-oci.budget.data", "files=1"}}), "accepted");
}

TEST(Annotations, DisksAreNamedByTheirKeys) {
    auto const read =
        read_annotations({{"krun-oci.disk.data", "/images/data.img"},
                          {"krun-oci.disk.b_2", "images/b,format=qcow2,ro"},
                          {"krun-oci.root", "/r,ro,format=raw,fstype=ext4,options=noatime,commit=30"}});
    ASSERT_TRUE(read.ok()) << read.error().message();
    auto const& [disks, root] = std::tie(read.value().disks, read.value().root_disk);
    ASSERT_EQ(disks.size(), 2u);
    EXPECT_EQ(disks[0].name, "b_2");
    EXPECT_EQ(disks[0].path, "images/b");
    EXPECT_TRUE(disks[0].qcow2 && disks[0].read_only);
    EXPECT_EQ(disks[1].path, "/images/data.img");
    EXPECT_FALSE(disks[1].qcow2 || disks[1].read_only);
    ASSERT_TRUE(root);
    EXPECT_EQ(root->disk.path, "/r");
    EXPECT_TRUE(root->disk.read_only && !root->disk.qcow2);
    EXPECT_EQ(root->file_system, "ext4");
    EXPECT_EQ(root->options, (std::vector<std::string>{"noatime", "commit=30"}));
}

TEST(Annotations, DisksThatCannotBeAreRefused) {
    for (std::string const name : {"", "root", ".", ".a", "a/b", "a b", "123456789012345678901"})
        EXPECT_NE(verdict({{"krun-oci.disk." + name, "/i"}}), "accepted") << name;
    EXPECT_EQ(verdict({{"krun-oci.disk.12345678901234567890", "/i"}}), "accepted");
    EXPECT_EQ(
        verdict({{"krun-oci.disk.a", "/i,format=vmdk"}}),
        R"(annotations["krun-oci.disk.a"]: there is no option "format=vmdk" for a disk, is "/i,format=vmdk")");
    for (std::string const value : {"", ",ro", "/i,rw", "/i,", "/i,fstype=ext4", "/i,options=ro"})
        EXPECT_NE(verdict({{"krun-oci.disk.a", value}}), "accepted") << value;
    for (std::string const value : {"", ",fstype=ext4", "/i,fstype=", "/i,size=3"})
        EXPECT_NE(verdict({{"krun-oci.root", value}}), "accepted") << value;
}

TEST(Annotations, ANetworkIsASocketAndItsOptions) {
    auto const stream = read_annotations({{"krun-oci.net", "unixstream:/run/passt.socket"}});
    ASSERT_TRUE(stream.ok() && stream.value().network);
    EXPECT_EQ(stream.value().network->kind, NetworkAnnotation::Kind::kUnixStream);
    EXPECT_EQ(stream.value().network->path, "/run/passt.socket");
    EXPECT_EQ(stream.value().network->mtu, 1500);
    EXPECT_FALSE(stream.value().network->mac);
    auto const datagrams =
        read_annotations({{"krun-oci.net", "unixgram:/run/gvproxy,mac=5a:94:EF:e4:0c:ee,mtu=65520"}});
    ASSERT_TRUE(datagrams.ok() && datagrams.value().network);
    EXPECT_EQ(datagrams.value().network->kind, NetworkAnnotation::Kind::kUnixDatagram);
    EXPECT_EQ(datagrams.value().network->mtu, 65520);
    EXPECT_EQ(datagrams.value().network->mac, (std::array<uint8_t, 6>{0x5a, 0x94, 0xef, 0xe4, 0x0c, 0xee}));
}

TEST(Annotations, NetworksThatCannotBeAreRefused) {
    for (std::string const value :
         {"", "/s", "unix:/s", "unixstream:", "unixstream:s", "unixgram:@s", "unixstream:/s,",
          "unixstream:/s,dhcp", "unixstream:/s,mac=", "unixstream:/s,mac=02:00:00:00:00",
          "unixstream:/s,mac=02:00:00:00:00:0g", "unixstream:/s,mac=2:0:0:0:0:1",
          "unixstream:/s,mac=01:00:00:00:00:01", "unixstream:/s,mac=00:00:00:00:00:00",
          "unixstream:/s,mtu=67", "unixstream:/s,mtu=65521", "unixstream:/s,mtu=-1"})
        EXPECT_NE(verdict({{"krun-oci.net", value}}), "accepted") << value;
    std::string const longest(107, 'a');  // sun_path and its end, unix(7)
    EXPECT_EQ(verdict({{"krun-oci.net", "unixstream:/" + longest.substr(1)}}), "accepted");
    EXPECT_NE(verdict({{"krun-oci.net", "unixstream:/" + longest}}), "accepted");
    EXPECT_EQ(verdict({{"krun-oci.net", "unixgram:/s,mac=01:00:00:00:00:01"}}),
              "annotations[\"krun-oci.net\"]: mac must be the MAC address of one interface, as in "
              "02:00:00:12:34:56, "
              "is \"unixgram:/s,mac=01:00:00:00:00:01\"");
}

TEST(Annotations, UnknownKeyIsAnErrorOnlyInOurOwnNamespace) {
    EXPECT_EQ(verdict({{"krun-oci.cpus", "1"}}), "annotations[\"krun-oci.cpus\"]: there is no such setting");
    EXPECT_EQ(verdict({{"krun-oci.", "1"}}), "annotations[\"krun-oci.\"]: there is no such setting");
    EXPECT_EQ(verdict({{"krun.tomorrow", "1"},
                       {"io.podman.x", ""},
                       {"run.oci.handler", "krun"},
                       {"krun-oci", ""},
                       {"krun-other.x", ""}}),
              "accepted");
}

TEST(Annotations, PortsAreRangesOfEitherProtocol) {
    auto const read = read_annotations({{"krun-oci.ports", "80,8000-8010/tcp,53/udp,80/udp"}});
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read.value().ports.tcp, (std::vector<PortRange>{{80, 80}, {8000, 8010}}));
    EXPECT_EQ(read.value().ports.udp, (std::vector<PortRange>{{53, 53}, {80, 80}}));
}

TEST(Annotations, PortsThatCannotBeAreRefused) {
    for (auto const& [value, reason] :
         {std::pair{"", R"("" must be a port from 1 to 65535, or a first and a last one)"},
          {"0", R"("0" must be a port from 1 to 65535, or a first and a last one)"},
          {"65536", R"("65536" must be a port from 1 to 65535, or a first and a last one)"},
          {"9-8", R"("9-8" must be a port from 1 to 65535, or a first and a last one)"},
          {"1-2-3", R"("1-2-3" must be a port from 1 to 65535, or a first and a last one)"},
          {"80/sctp", R"("80/sctp" must end in /tcp or /udp)"},
          {"80,70-90", R"("70-90" has a port that was named before)"},
          {"1-512,513", "must name at most 512 ports"}})
        EXPECT_EQ(verdict({{"krun-oci.ports", value}}),
                  std::string(R"(annotations["krun-oci.ports"]: )") + reason + ", is \"" + value + "\"");
}

TEST(Annotations, WhatIsThereAnywayIsAccepted) {
    for (auto const* const value : {"", "0", "1", "7"})
        EXPECT_EQ(verdict({{"krun.use_passt", value}}), "accepted");
    EXPECT_NE(verdict({{"krun.use_passt", "-1"}}), "accepted");
    EXPECT_NE(verdict({{"krun.use_passt", "yes"}}), "accepted");
}

TEST(Annotations, WhatIsNotImplementedIsUnsupportedUnlessItIsOff) {
    auto const read = read_annotations({{"krun.variant", "sev"}});
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code(), Errc::kUnsupported);
    EXPECT_EQ(verdict({{"krun.variant", ""}, {"krun.gpu_flags", "0"}}), "accepted");
    EXPECT_NE(verdict({{"krun.gpu_flags", "3"}}), "accepted");
}

TEST(MountOptions, LastOfReadOnlyAndReadWriteCounts) {
    std::vector<std::string> const writable = {"ro", "rw"};
    std::vector<std::string> const tree = {"rbind", "rro", "mode=755"};
    EXPECT_FALSE(parse_mount_options(writable).value().read_only);
    auto const options = parse_mount_options(tree).value();
    EXPECT_TRUE(options.bind && options.recursive && options.read_only && options.recursive_read_only);
}

TEST(MountOptions, ListForFeaturesIsSortedAndHoldsNothingThatIsRefused) {
    auto const known = known_mount_options();
    EXPECT_TRUE(std::is_sorted(known.begin(), known.end()));
    for (auto const name : known) {
        std::vector<std::string> const one = {std::string(name)};
        EXPECT_TRUE(parse_mount_options(one).ok()) << name;
    }
}

}  // namespace
}  // namespace krun::oci
