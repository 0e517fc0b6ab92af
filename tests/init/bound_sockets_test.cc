// SPDX-License-Identifier: Apache-2.0
#include "init/bound_sockets.h"

#include <unistd.h>

#include <csignal>

#include "tests/support/temp_dir.h"
#include "tests/support/unix_server.h"

namespace krun::init {
namespace {

// Init with one listening socket, number 5, and a host that answers when it is told to.
class InitBoundSocketsTest : public ::testing::Test {
protected:
    InitBoundSocketsTest() {
        ::signal(SIGPIPE, SIG_IGN);
        EXPECT_TRUE(sockets_.add(5, test::unix_listener(dir_ / "s")).ok());
    }
    void turn(int times = 8) {
        for (int i = 0; i < times; ++i) ASSERT_TRUE(loop_.run_once(0).ok());
    }
    // Opens the connection that was asked for last; the result is what the host's server has.
    UniqueFd open_last() {
        auto [guests, hosts] = make_socketpair(SOCK_STREAM).value();
        sockets_.opened(asked_.back().first, std::move(guests));
        return std::move(hosts);
    }
    static std::string read_now(UniqueFd const& fd) {
        char text[64];
        ssize_t const n = ::recv(fd.borrow().raw(), text, sizeof text, MSG_DONTWAIT);
        if (n < 0) return "";
        return n == 0 ? "EOF" : std::string(text, static_cast<size_t>(n));
    }

    test::TempDir dir_;
    EventLoop loop_ = EventLoop::make().value();
    std::vector<std::pair<uint32_t, uint32_t>> asked_;
    BoundSockets sockets_{
        loop_, [this](uint32_t connection, uint32_t number) { asked_.emplace_back(connection, number); }};
};

TEST_F(InitBoundSocketsTest, HostIsAskedOnceForEachThatConnects) {
    auto const first = test::unix_client(dir_ / "s"), second = test::unix_client(dir_ / "s");
    turn();
    ASSERT_EQ(asked_.size(), 2u);
    EXPECT_EQ(asked_[0].second, 5u);
    EXPECT_NE(asked_[0].first, asked_[1].first);
}

TEST_F(InitBoundSocketsTest, BytesAndHalfCloseGoBothWays) {
    auto const client = test::unix_client(dir_ / "s");
    ASSERT_TRUE(write_full(client.borrow(), "early").ok());
    turn();
    auto const server = open_last();
    turn();
    EXPECT_EQ(read_now(server), "early");
    ::shutdown(client.borrow().raw(), SHUT_WR);
    turn();
    EXPECT_EQ(read_now(server), "EOF");
    ASSERT_TRUE(write_full(server.borrow(), "answer").ok());
    turn();
    EXPECT_EQ(read_now(client), "answer");
    ::shutdown(server.borrow().raw(), SHUT_WR);
    turn();
    EXPECT_EQ(read_now(client), "EOF");
}

TEST_F(InitBoundSocketsTest, WhatWasSentIsOwedUntilTheHostHasIt) {
    auto client = test::unix_client(dir_ / "s");
    EXPECT_FALSE(sockets_.owes());
    turn();
    EXPECT_TRUE(sockets_.owes()) << "nobody knows yet where to";
    auto const server = open_last();
    ASSERT_TRUE(write_full(client.borrow(), "last words").ok());
    client.reset();
    EXPECT_TRUE(sockets_.owes());
    turn();
    EXPECT_FALSE(sockets_.owes());
    EXPECT_EQ(read_now(server), "last words");
}

TEST_F(InitBoundSocketsTest, RefusedConnectionEnds) {
    auto const client = test::unix_client(dir_ / "s");
    turn();
    sockets_.refused(asked_.back().first);
    turn();
    EXPECT_EQ(read_now(client), "EOF");
}

TEST_F(InitBoundSocketsTest, AnswersToNoQuestionAreIgnored) {
    sockets_.refused(77);
    auto [guests, hosts] = make_socketpair(SOCK_STREAM).value();
    sockets_.opened(77, std::move(guests));
    EXPECT_EQ(read_now(hosts), "EOF");
}

TEST_F(InitBoundSocketsTest, BeyondTheLimitConnectionsWaitUntilOneHasEnded) {
    std::vector<UniqueFd> clients;
    for (size_t i = 0; i < BoundSockets::kMaxConnections + 3; ++i)
        clients.push_back(test::unix_client(dir_ / "s"));
    turn(300);
    ASSERT_EQ(asked_.size(), BoundSockets::kMaxConnections);
    sockets_.refused(asked_[0].first);
    turn();
    EXPECT_EQ(asked_.size(), BoundSockets::kMaxConnections + 1);
}

}  // namespace
}  // namespace krun::init
