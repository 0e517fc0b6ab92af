// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/notify_socket.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>

#include "base/fd.h"
#include "base/fd_passing.h"
#include "tests/support/temp_dir.h"

namespace krun::runtime {
namespace {

class NotifySocketTest : public ::testing::Test {
protected:
    NotifySocketTest() {
        ::unsetenv("NOTIFY_SOCKET");
        dir_.make_dir("notify");
        spec_.process.emplace();
        spec_.process->env = {"PATH=/bin", "NOTIFY_SOCKET=/run/notify/notify.sock"};
        spec_.mounts = {{"/run", "tmpfs", "tmpfs", {}}, {"/run/notify", "bind", dir_ / "notify", {}}};
    }
    UniqueFd listen_at(std::string const& path) {
        UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        std::memcpy(name.sun_path, path.c_str(), path.size());
        EXPECT_EQ(::bind(socket.borrow().raw(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
        return socket;
    }
    NotifySocket connected() { return connect_notify_socket(spec_).value(); }

    test::TempDir dir_;
    oci::Spec spec_;
};

TEST_F(NotifySocketTest, PayloadsOwnInABindMountIsTheHosts) {
    auto const listener = listen_at(dir_ / "notify/notify.sock");
    auto const found = connected();
    ASSERT_TRUE(found.fd.valid());
    EXPECT_EQ(found.in_guest, "/run/notify/notify.sock");
    EXPECT_EQ(::send(found.fd.borrow().raw(), "x", 1, 0), 1);
    char got = 0;
    EXPECT_EQ(::recv(listener.borrow().raw(), &got, 1, MSG_DONTWAIT), 1);
}

TEST_F(NotifySocketTest, BindOfTheSocketItselfWillDo) {
    auto const listener = listen_at(dir_ / "s");
    spec_.mounts.push_back({"/run/notify/notify.sock", "none", dir_ / "s", {"bind"}});
    EXPECT_TRUE(connected().fd.valid());
}

TEST_F(NotifySocketTest, LinkThatThePayloadMayHaveMadeIsNotFollowed) {
    auto const listener = listen_at(dir_ / "elsewhere");
    dir_.link("../elsewhere", "notify/notify.sock");
    EXPECT_FALSE(connected().fd.valid());
    spec_.process->env[1] = "NOTIFY_SOCKET=/run/notify/../elsewhere";
    EXPECT_FALSE(connected().fd.valid());
}

TEST_F(NotifySocketTest, WhatIsNoSocketOrInAnotherMountIsThePayloadsAffair) {
    dir_.write("notify/notify.sock", "");
    EXPECT_FALSE(connected().fd.valid());
    auto const listener = listen_at(dir_ / "notify/other");
    spec_.process->env[1] = "NOTIFY_SOCKET=/run/notify/other";
    EXPECT_TRUE(connected().fd.valid());
    spec_.mounts.push_back({"/run/notify", "tmpfs", dir_ / "notify", {}});
    EXPECT_FALSE(connected().fd.valid());
    spec_.mounts.clear();
    EXPECT_FALSE(connected().fd.valid());
}

TEST_F(NotifySocketTest, OurOwnComesFirstAndMustBeThere) {
    auto const listener = listen_at(dir_ / "ours");
    ::setenv("NOTIFY_SOCKET", (dir_ / "ours").c_str(), 1);
    EXPECT_TRUE(connected().fd.valid());
    ::setenv("NOTIFY_SOCKET", (dir_ / "none").c_str(), 1);
    EXPECT_FALSE(connect_notify_socket(spec_).ok());
    ::unsetenv("NOTIFY_SOCKET");
}

TEST_F(NotifySocketTest, BarrierHangsUpWhenTheListenerLetsGoOfIt) {
    auto const listener = listen_at(dir_ / "notify/notify.sock");
    auto const socket = connected();
    auto const barrier = send_barrier(socket.fd.borrow()).value();
    pollfd watched{barrier.borrow().raw(), 0, 0};
    EXPECT_EQ(::poll(&watched, 1, 0), 0);
    std::byte text[16];
    auto got = receive_message(listener.borrow(), text).value();
    EXPECT_EQ(std::memcmp(text, "BARRIER=1", got.bytes), 0);
    ASSERT_EQ(got.fds.size(), 1u);
    EXPECT_EQ(::poll(&watched, 1, 0), 0);
    got.fds.clear();
    EXPECT_EQ(::poll(&watched, 1, 0), 1);
}

TEST_F(NotifySocketTest, BarrierHangsUpAtOnceWhenNobodyListens) {
    auto listener = listen_at(dir_ / "notify/notify.sock");
    auto const socket = connected();
    listener.reset();
    auto const barrier = send_barrier(socket.fd.borrow()).value();
    pollfd watched{barrier.borrow().raw(), 0, 0};
    EXPECT_EQ(::poll(&watched, 1, 0), 1);
}

}  // namespace
}  // namespace krun::runtime
