// SPDX-License-Identifier: Apache-2.0
// Whose a file is on the host that somebody in the guest has made, for each way of mapping ids that engines
// have: the server sees ids as the user namespace it runs in. Needs root, who alone may make such maps.
#include <linux/capability.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include <array>
#include <fstream>
#include <thread>

#include "tests/fs/passthrough_fixture.h"

namespace krun::test {

using abi::Opcode;

namespace {

constexpr uint32_t kNobody = UINT32_MAX;  // cannot be: no such id on the host

struct Wanted {
    uint32_t guest;
    uint32_t host;
};
struct MapCase {
    char const* name;
    char const* map;  // as in /proc/PID/uid_map; null: no user namespace
    uint32_t root;    // the host's id of the namespace's root
    std::array<Wanted, 4> owners;
};

constexpr MapCase kCases[] = {
    {"rootful", nullptr, 0, {{{0, 0}, {7, 7}, {1000, 1000}, {70000, 70000}}}},
    {"uidmap", "0 100000 65536", 100000, {{{0, 100000}, {7, 100007}, {65535, 165535}, {65536, kNobody}}}},
    // podman of user 1000: its own id is root, the rest are its subordinate ones.
    {"rootless",
     "0 1000 1\n1 100000 65536",
     1000,
     {{{0, 1000}, {1, 100000}, {1000, 100999}, {65537, kNobody}}}},
    // The same with its own id kept.
    {"keep_id",
     "0 100000 1000\n1000 1000 1\n1001 101000 64536",
     100000,
     {{{0, 100000}, {999, 100999}, {1000, 1000}, {1001, 101000}}}},
    // No id of the user's own.
    {"nomap", "0 100000 1000", 100000, {{{0, 100000}, {1, 100001}, {999, 100999}, {1000, kNobody}}}},
};

// Files that two processes share: errnos, and a step.
struct Shared {
    std::array<int, 8> errors;
};

}  // namespace

class IdMap : public HostTree, public ::testing::WithParamInterface<MapCase> {
protected:
    void SetUp() override {
        if (::getuid() != 0) GTEST_SKIP() << "skipped: needs root";
        auto const root = GetParam().root;
        ASSERT_EQ(::chmod(outside_.path().c_str(), 0711), 0);
        ASSERT_EQ(::chown(at("").c_str(), root, root), 0);
        ASSERT_EQ(::chmod(at("").c_str(), 0755), 0);
        shared_ = static_cast<Shared*>(
            ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        ASSERT_NE(shared_, MAP_FAILED);
    }
    // Runs `act` as a server that the namespace's root started.
    template <class Act>
    void in_namespace(Act act) {
        int ready[2], go[2];
        ASSERT_EQ(::pipe(ready) + ::pipe(go), 0);
        pid_t const child = ::fork();
        if (child == 0) {
            char step = 0;
            bool const made = GetParam().map == nullptr || ::unshare(CLONE_NEWUSER) == 0;
            if (::write(ready[1], &step, 1) != 1 || ::read(go[0], &step, 1) != 1 || !made) ::_exit(1);
            if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0) ::_exit(2);
            // A thread asks for its ids once; this process's first was its parent's.
            std::thread(act).join();
            ::_exit(0);
        }
        char step = 0;
        ASSERT_EQ(::read(ready[0], &step, 1), 1);
        if (GetParam().map != nullptr)
            for (char const* kind : {"/uid_map", "/gid_map"})
                std::ofstream("/proc/" + std::to_string(child) + kind) << GetParam().map << std::flush;
        ASSERT_EQ(::write(go[1], &step, 1), 1);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        for (int const fd : {ready[0], ready[1], go[0], go[1]}) ::close(fd);
        if (WEXITSTATUS(status) != 0) GTEST_SKIP() << "skipped: no user namespaces here";
    }
    void act_as(uint32_t id) { client_->uid = client_->gid = id; }

    Shared* shared_ = nullptr;
};

TEST_P(IdMap, WhatIsMadeBelongsToWhoItsMakerIsOnTheHost) {
    auto const& owners = GetParam().owners;
    in_namespace([&] {
        serve();
        for (size_t i = 0; i < owners.size(); ++i) {
            act_as(owners[i].guest);
            auto const name = std::to_string(i);
            shared_->errors[i] =
                send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "f" + name));
            send(Opcode::kMkdir, 1, args(abi::MkdirIn{0755, 0}, "d" + name));
            send(Opcode::kSymlink, 1, args("l" + name, "target"));
        }
    });
    if (IsSkipped()) return;
    for (size_t i = 0; i < owners.size(); ++i) {
        bool const can_be = owners[i].host != kNobody;
        EXPECT_EQ(shared_->errors[i], can_be ? 0 : EPERM) << owners[i].guest;
        for (char const* kind : {"f", "d", "l"}) {
            auto const name = kind + std::to_string(i);
            struct stat st {};
            EXPECT_EQ(::lstat(at(name).c_str(), &st), can_be ? 0 : -1) << name;
            if (!can_be) continue;
            EXPECT_EQ(st.st_uid, owners[i].host) << name;
            EXPECT_EQ(st.st_gid, owners[i].host) << name;
        }
    }
}

TEST_P(IdMap, GivingAwayAndShowingOwnersIsTheSameMap) {
    auto const& owners = GetParam().owners;
    for (size_t i = 0; i < owners.size(); ++i) write(std::to_string(i), "x");
    for (size_t i = 0; i < owners.size(); ++i)
        ASSERT_EQ(::chown(at(std::to_string(i)).c_str(), GetParam().root, GetParam().root), 0);
    in_namespace([&] {
        serve();
        for (size_t i = 0; i < owners.size(); ++i) {
            auto const node = client_->lookup(1, std::to_string(i));
            abi::SetattrIn in{};
            in.valid = abi::kSetUid | abi::kSetGid;
            in.uid = in.gid = owners[i].guest;
            shared_->errors[i] = send(Opcode::kSetattr, node, args(in));
            bool const shown = client_->getattr(node).uid == (shared_->errors[i] == 0 ? owners[i].guest : 0);
            if (!shown) shared_->errors[i] = -1;
        }
    });
    if (IsSkipped()) return;
    for (size_t i = 0; i < owners.size(); ++i) {
        bool const can_be = owners[i].host != kNobody;
        EXPECT_EQ(shared_->errors[i], can_be ? 0 : EINVAL) << owners[i].guest;
        EXPECT_EQ(host_stat(std::to_string(i)).st_uid, can_be ? owners[i].host : GetParam().root);
    }
}

// A program of the container's root is set-user-ID for the container, and its capabilities hold there alone:
// the host's kernel writes down whose they are (capabilities(7), namespaced file capabilities).
TEST_P(IdMap, PrivilegesOfFilesAreTheNamespacesAndEndWithAWrite) {
    in_namespace([&] {
        serve();
        auto const node =
            client_->entry(Opcode::kMknod, 1, args(abi::MknodIn{S_IFREG | 0755, 0, 0, 0}, "program")).nodeid;
        abi::SetattrIn in{};
        in.valid = abi::kSetMode;
        in.mode = 06755;
        shared_->errors[0] = send(Opcode::kSetattr, node, args(in));
        ByteWriter cap;  // VFS_CAP_REVISION_2 with cap_net_raw permitted
        cap.put(uint32_t{0x02000000}).put(uint32_t{1u << CAP_NET_RAW}).put(uint32_t{0}).put(uint64_t{0});
        auto const value = std::move(cap).take();
        shared_->errors[1] =
            send(Opcode::kSetxattr, node, args(abi::SetxattrIn{20, 0, 0, 0}, "security.capability", value));
        auto const& seen = client_->note(
            client_->send(Opcode::kGetxattr, node, args(abi::GetxattrIn{64, 0}, "security.capability")));
        shared_->errors[2] = seen.body == value ? 0 : -1;
        shared_->errors[3] = static_cast<int>(client_->getattr(node).mode & 06000);
    });
    if (IsSkipped()) return;
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(shared_->errors[i], 0) << i;
    EXPECT_EQ(shared_->errors[3], 06000);
    std::array<uint32_t, 6> on_disk{};
    auto const size =
        ::getxattr(at("program").c_str(), "security.capability", on_disk.data(), sizeof on_disk);
    EXPECT_EQ(size, GetParam().map == nullptr ? 20 : 24);
    EXPECT_EQ(on_disk[5], GetParam().root) << "whose root they are for";
    in_namespace([&] {
        serve();
        auto const node = client_->lookup(1, "program");
        auto const fh = client_->open(node, O_WRONLY);
        client_->write(node, fh, 0, "x", abi::kWriteKillSuidgid);
    });
    EXPECT_EQ(host_stat("program").st_mode & 06000, 0u);
    EXPECT_LT(::getxattr(at("program").c_str(), "security.capability", nullptr, 0), 0);
}

INSTANTIATE_TEST_SUITE_P(Engines, IdMap, ::testing::ValuesIn(kCases),
                         [](auto const& row) { return std::string(row.param.name); });

}  // namespace krun::test
