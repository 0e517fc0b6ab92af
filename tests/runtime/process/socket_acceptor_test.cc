// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/socket_acceptor.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"

namespace krun::runtime {
namespace {

// One listening socket with the number 5, and a guest that keeps what it is given.
class SocketAcceptorTest : public ::testing::Test {
protected:
    void SetUp() override {
        UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        name_.sun_family = AF_UNIX;
        ASSERT_EQ(::bind(socket.borrow().raw(), raw(), sizeof name_.sun_family), 0);
        bytes_ = sizeof name_;
        ASSERT_EQ(::getsockname(socket.borrow().raw(), raw(), &bytes_), 0);
        ASSERT_EQ(::listen(socket.borrow().raw(), 1024), 0);
        std::vector<PassedListener> listeners;
        listeners.push_back({5, std::move(socket)});
        acceptor_ = SocketAcceptor::make(loop_, std::move(listeners),
                                         [this](uint32_t connection, uint32_t number, UniqueFd accepted) {
                                             return take(connection, number, std::move(accepted));
                                         })
                        .value();
    }

    Result<UniqueFd> take(uint32_t connection, uint32_t number, UniqueFd socket) {
        auto [over, done] = make_pipe().value();
        taken_.push_back({connection, number, std::move(socket), std::move(done)});
        return std::move(over);
    }
    UniqueFd connect() {
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(fd.borrow().raw(), raw(), bytes_), 0);
        return fd;
    }
    void turn(int times = 1) {
        for (int i = 0; i < times; ++i) ASSERT_TRUE(loop_.run_once(0).ok());
    }
    sockaddr* raw() { return reinterpret_cast<sockaddr*>(&name_); }

    struct Taken {
        uint32_t connection;
        uint32_t number;
        UniqueFd socket;
        UniqueFd done;
    };
    sockaddr_un name_{};
    socklen_t bytes_ = 0;
    std::vector<Taken> taken_;
    EventLoop loop_ = EventLoop::make().value();
    std::unique_ptr<SocketAcceptor> acceptor_;
};

TEST_F(SocketAcceptorTest, NothingIsAcceptedBeforeStart) {
    auto const client = connect();
    turn();
    EXPECT_TRUE(taken_.empty());
    ASSERT_TRUE(acceptor_->start().ok());
    turn();
    EXPECT_EQ(taken_.size(), 1U);
}

TEST_F(SocketAcceptorTest, EachConnectionHasANumberOfItsOwnAndIsTheClients) {
    ASSERT_TRUE(acceptor_->start().ok());
    auto const first = connect();
    auto const second = connect();
    turn(2);
    ASSERT_EQ(taken_.size(), 2U);
    EXPECT_EQ(taken_[0].connection, 0U);
    EXPECT_EQ(taken_[1].connection, 1U);
    EXPECT_EQ(taken_[1].number, 5U);
    ASSERT_TRUE(write_full(taken_[1].socket.borrow(), std::string_view("hello")).ok());
    char text[5];
    EXPECT_EQ(::recv(second.borrow().raw(), text, sizeof text, 0), 5);
}

TEST_F(SocketAcceptorTest, MoreThanTheMostWaitUntilOneIsOver) {
    ASSERT_TRUE(acceptor_->start().ok());
    std::vector<UniqueFd> clients;
    for (size_t i = 0; i < SocketAcceptor::kMaxConnections + 1; ++i) {
        clients.push_back(connect());
        turn();
    }
    EXPECT_EQ(taken_.size(), SocketAcceptor::kMaxConnections);
    taken_[7].done.reset();
    turn(2);
    EXPECT_EQ(taken_.size(), SocketAcceptor::kMaxConnections + 1);
}

}  // namespace
}  // namespace krun::runtime
