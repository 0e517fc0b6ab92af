// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolation/joined_user_namespace.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/fd.h"
#include "runtime/isolation/child_namespace.h"
#include "runtime/isolation/id_map.h"

namespace krun::runtime {
namespace {

oci::Linux joining(std::string path) {
    oci::Linux out;
    out.namespaces = {{.type = "pid", .path = ""}, {.type = "user", .path = std::move(path)}};
    return out;
}

std::string path_of(BorrowedFd fd) {
    return "/proc/self/fd/" + std::to_string(fd.raw());
}

TEST(JoinedUserNamespace, ItsMapsAreTakenWhateverConfigJsonSays) {
    auto const ns = make_id_map({{0, 100'000, 10}, {10, 5, 1}}, {{0, 200'000, 7}});
    if (!ns.ok()) GTEST_SKIP() << ns.error().message();
    auto linux = joining(path_of(ns.value().borrow()));
    linux.uid_mappings = linux.gid_mappings = {{0, 0, 1}};
    auto const taken = take_maps_of_joined_user_namespace(linux);
    ASSERT_TRUE(taken.ok()) << taken.error().message();
    ASSERT_EQ(linux.uid_mappings.size(), 2U);
    EXPECT_EQ(linux.uid_mappings[0].host_id, 100'000U);
    EXPECT_EQ(linux.uid_mappings[1].container_id, 10U);
    ASSERT_EQ(linux.gid_mappings.size(), 1U);
    EXPECT_EQ(linux.gid_mappings[0].size, 7U);
}

TEST(JoinedUserNamespace, OneWithoutMapsIsRefused) {
    auto const child = ChildInNamespace::in_new_user_namespace();
    if (!child.ok()) GTEST_SKIP() << child.error().message();
    auto const path = "/proc/" + std::to_string(child.value().pid()) + "/ns/user";
    auto const ns = open_path(path, O_RDONLY);
    ASSERT_TRUE(ns.ok());
    auto linux = joining(path_of(ns.value().borrow()));
    auto const taken = take_maps_of_joined_user_namespace(linux);
    ASSERT_FALSE(taken.ok());
    EXPECT_NE(taken.error().message().find("it has no uid_map"), std::string::npos);
}

TEST(JoinedUserNamespace, OfTheCallersOwnTheMapsOfConfigJsonStay) {
    auto linux = joining("/proc/self/ns/user");
    linux.uid_mappings = linux.gid_mappings = {{0, 100'000, 10}};
    EXPECT_TRUE(take_maps_of_joined_user_namespace(linux).ok());
    EXPECT_EQ(linux.uid_mappings[0].host_id, 100'000U);
    linux.uid_mappings.clear();
    EXPECT_TRUE(take_maps_of_joined_user_namespace(linux).ok());
    EXPECT_EQ(linux.find_namespace("user"), nullptr);
    EXPECT_NE(linux.find_namespace("pid"), nullptr);
}

TEST(JoinedUserNamespace, AnotherTypeIsRefusedByItsPath) {
    auto linux = joining("/proc/self/ns/uts");
    auto const taken = take_maps_of_joined_user_namespace(linux);
    ASSERT_FALSE(taken.ok());
    EXPECT_EQ(taken.error().message(),
              "linux.namespaces: user: /proc/self/ns/uts is not a namespace of this type");
    oci::Linux none;
    EXPECT_TRUE(take_maps_of_joined_user_namespace(none).ok());
}

}  // namespace
}  // namespace krun::runtime
