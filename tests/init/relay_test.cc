// SPDX-License-Identifier: Apache-2.0
#include "init/relay.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>

#include "base/fd.h"

namespace krun::init {
namespace {

// A pipe or socket on either side of one relay, and the loop that drives it.
class RelayTest : public ::testing::Test {
protected:
    void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }

    void pipe_to_pipe() {
        auto [from, feed] = make_pipe().value();
        auto [taken, to] = make_pipe().value();
        feed_ = std::move(feed);
        taken_ = std::move(taken);
        start(std::move(from), std::move(to));
    }
    void socket_to_pipe() {
        auto [feed, from] = make_socketpair(SOCK_STREAM).value();
        auto [taken, to] = make_pipe().value();
        feed_ = std::move(feed);
        taken_ = std::move(taken);
        start(std::move(from), std::move(to));
    }
    void pipe_to_socket() {
        auto [from, feed] = make_pipe().value();
        auto [taken, to] = make_socketpair(SOCK_STREAM).value();
        feed_ = std::move(feed);
        taken_ = std::move(taken);
        start(std::move(from), std::move(to));
    }
    void start(UniqueFd from, UniqueFd to) {
        relay_ = Relay::make(loop_, std::move(from), std::move(to), [this] { ++done_calls_; }).value();
    }
    // Drives the loop while there is something to do.
    void settle() {
        for (int i = 0; i < 100; ++i) ASSERT_TRUE(loop_.run_once(1).ok());
    }
    void feed(std::string const& text) { ASSERT_TRUE(write_full(feed_.borrow(), text).ok()); }
    // What can be read now; "EOF" at the end.
    std::string take() {
        EXPECT_TRUE(set_nonblocking(taken_.borrow(), true).ok());
        char buffer[256];
        ssize_t const n = ::read(taken_.borrow().raw(), buffer, sizeof buffer);
        if (n == 0) return "EOF";
        return n < 0 ? "" : std::string(buffer, static_cast<size_t>(n));
    }

    EventLoop loop_ = EventLoop::make().value();
    UniqueFd feed_;
    UniqueFd taken_;
    std::unique_ptr<Relay> relay_;
    int done_calls_ = 0;
};

TEST_F(RelayTest, BytesPassAndEndOfFileFollowsThem) {
    pipe_to_socket();
    feed("last words");
    feed_.reset();
    settle();
    EXPECT_EQ(take(), "last words");
    EXPECT_EQ(take(), "EOF");
    EXPECT_TRUE(relay_->done());
    EXPECT_EQ(done_calls_, 1);
    EXPECT_EQ(relay_->moved_bytes(), 10u);
}

TEST_F(RelayTest, HalfClosedSocketIsEndOfFileForThePipe) {
    socket_to_pipe();
    feed("input");
    ASSERT_EQ(::shutdown(feed_.borrow().raw(), SHUT_WR), 0);
    settle();
    EXPECT_EQ(take(), "input");
    EXPECT_EQ(take(), "EOF");
}

TEST_F(RelayTest, ReaderOfThePipeGoneIsSeenWithoutAnyData) {
    socket_to_pipe();
    taken_.reset();
    settle();
    EXPECT_TRUE(relay_->done());
    char byte = 0;
    // The feeding side is told: its peer no longer reads.
    EXPECT_EQ(::send(feed_.borrow().raw(), &byte, 1, MSG_NOSIGNAL), -1);
    EXPECT_EQ(errno, EPIPE);
}

TEST_F(RelayTest, ReaderOfTheSocketGoneBreaksTheWritersPipe) {
    pipe_to_socket();
    taken_.reset();
    feed("x");
    settle();
    EXPECT_TRUE(relay_->done());
    EXPECT_EQ(::write(feed_.borrow().raw(), "y", 1), -1);
    EXPECT_EQ(errno, EPIPE);
}

TEST_F(RelayTest, FullSinkHoldsTheSourceBackAndLosesNothing) {
    pipe_to_pipe();
    ASSERT_TRUE(set_nonblocking(feed_.borrow(), true).ok());
    std::string const block(4096, 'b');
    size_t fed = 0;
    for (int round = 0; round < 5; ++round) {
        ssize_t n;
        while ((n = ::write(feed_.borrow().raw(), block.data(), block.size())) > 0)
            fed += static_cast<size_t>(n);
        settle();
    }
    // Two pipes and the relay's buffer hold 64 KiB each; then the writer has to wait.
    EXPECT_LE(fed, size_t{3} * 64 * 1024 + 4096);
    feed_.reset();
    size_t taken = 0;
    for (std::string part = take(); part != "EOF"; part = take()) {
        taken += part.size();
        ASSERT_TRUE(loop_.run_once(0).ok());
    }
    EXPECT_EQ(taken, fed);
}

TEST_F(RelayTest, HungUpSourceDoesNotSpinWhileTheSinkIsFull) {
    pipe_to_pipe();
    ASSERT_TRUE(set_nonblocking(feed_.borrow(), true).ok());
    std::string const block(4096, 'b');
    for (int round = 0; round < 3; ++round) {
        while (::write(feed_.borrow().raw(), block.data(), block.size()) > 0) {
        }
        settle();
    }
    feed_.reset();  // EPOLLHUP from now on, level-triggered
    auto const before = std::chrono::steady_clock::now();
    ASSERT_TRUE(loop_.run_once(50).ok());
    EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(45));
}

TEST_F(RelayTest, SixtyFourMebibytesArriveUnchanged) {
    pipe_to_socket();
    constexpr size_t kBytes = size_t{64} << 20;
    auto const value_at = [](size_t i) { return static_cast<unsigned char>(i * 2654435761U >> 13); };
    std::thread writer([&] {
        std::string block(100'003, '\0');  // prime: never aligned with a buffer
        for (size_t sent = 0; sent < kBytes;) {
            size_t const n = std::min(block.size(), kBytes - sent);
            for (size_t i = 0; i < n; ++i) block[i] = static_cast<char>(value_at(sent + i));
            ASSERT_TRUE(write_full(feed_.borrow(), std::string_view(block).substr(0, n)).ok());
            sent += n;
        }
        feed_.reset();
    });
    size_t received = 0;
    size_t wrong = 0;
    std::thread reader([&] {
        unsigned char buffer[65536];
        ssize_t n;
        while ((n = ::read(taken_.borrow().raw(), buffer, sizeof buffer)) > 0)
            for (ssize_t i = 0; i < n; ++i) wrong += buffer[i] != value_at(received++);
    });
    while (!relay_->done()) ASSERT_TRUE(loop_.run_once(1000).ok());
    writer.join();
    reader.join();
    EXPECT_EQ(received, kBytes);
    EXPECT_EQ(wrong, 0u);
}

TEST_F(RelayTest, DoneMayDestroyTheRelay) {
    auto [from, feed] = make_pipe().value();
    auto [taken, to] = make_pipe().value();
    relay_ = Relay::make(loop_, std::move(from), std::move(to), [this] { relay_.reset(); }).value();
    feed.reset();
    settle();
    EXPECT_EQ(relay_, nullptr);
}

}  // namespace
}  // namespace krun::init
