// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/systemd_scope.h"

#include <gtest/gtest.h>

namespace krun::runtime {
namespace {

std::string name_of(std::string const& cgroups_path, bool rootless = false) {
    auto const name = scope_name(cgroups_path, "web", rootless);
    return name.ok() ? name.value().slice + " " + name.value().unit : name.error().message();
}

TEST(SystemdScope, HasTheNameThatEnginesLookFor) {
    EXPECT_EQ(name_of("machine.slice:libpod:1a2b"), "machine.slice libpod-1a2b.scope");
    EXPECT_EQ(name_of("kubepods-burstable-pod7.slice:crio:1a2b"),
              "kubepods-burstable-pod7.slice crio-1a2b.scope");
}

TEST(SystemdScope, WithoutASliceOrAtAllItIsTheDefaultOne) {
    EXPECT_EQ(name_of(":libpod:1a2b"), "system.slice libpod-1a2b.scope");
    EXPECT_EQ(name_of(":libpod:1a2b", true), "user.slice libpod-1a2b.scope");
    EXPECT_EQ(name_of(""), "system.slice krun-oci-web.scope");
    EXPECT_EQ(name_of("", true), "user.slice krun-oci-web.scope");
    EXPECT_EQ(name_of("a.slice::b"), "a.slice b.scope");
}

TEST(SystemdScope, OtherFormsAreRefused) {
    EXPECT_EQ(
        name_of("/libpod/1a2b"),
        "linux.cgroupsPath: must be SLICE:PREFIX:NAME for the systemd cgroup manager, is \"/libpod/1a2b\"");
    EXPECT_EQ(
        name_of("a.slice:b"),
        "linux.cgroupsPath: must be SLICE:PREFIX:NAME for the systemd cgroup manager, is \"a.slice:b\"");
    EXPECT_EQ(name_of("a.slice:b:"), "linux.cgroupsPath: must be a unit's name, is \"a.slice:b:\"");
    EXPECT_EQ(name_of("a.slice:b:c/d"), "linux.cgroupsPath: must be a unit's name, is \"a.slice:b:c/d\"");
    EXPECT_EQ(name_of("../x:b:c"), "linux.cgroupsPath: must begin with a slice, is \"../x:b:c\"");
    EXPECT_EQ(name_of("a.slice:b:" + std::string(250, 'c')).substr(0, 42),
              "linux.cgroupsPath: must be a unit's name, ");
}

}  // namespace
}  // namespace krun::runtime
