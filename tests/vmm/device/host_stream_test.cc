// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/host_stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <chrono>
#include <string>

#include "base/fd.h"
#include "tests/support/guest_driver.h"

namespace krun::vmm {
namespace {

using Outcome = HostStream::Outcome;
using Direction = HostStream::Direction;

class HostStreamTest : public ::testing::Test {
protected:
    // What the device's thread does as well.
    void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }

    HostStream::Transfer write(HostStream& s, std::string text) {
        iovec const part{text.data(), text.size()};
        return s.transfer({&part, 1});
    }
    std::string read(HostStream& s) {
        std::string text(100, '\0');
        iovec const part{text.data(), text.size()};
        auto const moved = s.transfer({&part, 1});
        if (moved.outcome == Outcome::kBlocked) return "blocked";
        if (moved.outcome == Outcome::kEnded) return "ended";
        return text.substr(0, moved.bytes);
    }
    // Writes until it would block; returns the bytes written, or -1 if it ended.
    int64_t fill(HostStream& s, std::string const& piece) {
        int64_t total = 0;
        while (true) {
            auto const moved = write(s, piece);
            if (moved.outcome == Outcome::kBlocked) return total;
            if (moved.outcome == Outcome::kEnded) return -1;
            total += static_cast<int64_t>(moved.bytes);
        }
    }
    bool ready_within(int ms) {
        int const before = ready_;
        must(loop_.run_once(ms));
        return ready_ > before;
    }
    static bool nonblocking(BorrowedFd fd) { return (::fcntl(fd.raw(), F_GETFL) & O_NONBLOCK) != 0; }

    EventLoop loop_ = must(EventLoop::make());
    int ready_ = 0;
    std::function<void()> count_ = [this] { ++ready_; };
};

TEST_F(HostStreamTest, EmptyPipeBlocksThenIsReadyThenEnds) {
    auto [read_end, write_end] = must(make_pipe());
    HostStream s(std::move(read_end), Direction::kRead, loop_, count_);
    EXPECT_EQ(read(s), "blocked");
    ASSERT_TRUE(s.wait());
    EXPECT_FALSE(ready_within(0));
    must(write_full(write_end.borrow(), "hello"));
    EXPECT_TRUE(ready_within(1000));
    EXPECT_FALSE(ready_within(0)) << "one shot: nobody asked again";
    EXPECT_EQ(read(s), "hello");
    ASSERT_TRUE(s.wait());
    write_end.reset();
    EXPECT_TRUE(ready_within(1000));
    EXPECT_EQ(read(s), "ended");
}

TEST_F(HostStreamTest, FullPipeBlocksAndTheSharedDescriptionStaysBlocking) {
    auto [read_end, write_end] = must(make_pipe());
    auto const shared = must(duplicate(write_end.borrow()));
    HostStream s(std::move(write_end), Direction::kWrite, loop_, count_);
    EXPECT_EQ(fill(s, std::string(100'000, 'x')), 65536) << "a pipe's default size";
    EXPECT_FALSE(nonblocking(shared.borrow()));
    ASSERT_TRUE(s.wait());
    EXPECT_FALSE(ready_within(0));
    std::string sink(65536, '\0');
    must(read_full(read_end.borrow(), std::as_writable_bytes(std::span(sink))));
    EXPECT_TRUE(ready_within(1000));
    EXPECT_EQ(write(s, "more").outcome, Outcome::kMoved);
}

TEST_F(HostStreamTest, NamedPipeFillsWithoutBlocking) {
    std::string const path = ::testing::TempDir() + "host_stream_fifo_" + std::to_string(::getpid());
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    auto const reader = must(open_path(path, O_RDONLY | O_NONBLOCK));
    auto writer = must(open_path(path, O_WRONLY));
    ::unlink(path.c_str());
    HostStream s(std::move(writer), Direction::kWrite, loop_, count_);
    EXPECT_EQ(fill(s, std::string(10'000, 'x')), 65536);
}

TEST_F(HostStreamTest, PipeWithoutReaderEnds) {
    auto [read_end, write_end] = must(make_pipe());
    read_end.reset();
    HostStream s(std::move(write_end), Direction::kWrite, loop_, count_);
    EXPECT_EQ(write(s, "x").outcome, Outcome::kEnded);
}

TEST_F(HostStreamTest, TerminalThatNobodyReadsBlocksTheStreamNotTheThread) {
    int master = -1;
    int slave = -1;
    ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
    UniqueFd const reader(master);
    HostStream s(UniqueFd{slave}, Direction::kWrite, loop_, count_);
    EXPECT_GT(fill(s, std::string(10'000, 'x')), 0);
}

// Readiness is no promise: this terminal has a character to read, and waits three seconds for a second one.
TEST_F(HostStreamTest, CallThatWaitsThoughItWasReadyIsInterrupted) {
    int master = -1;
    int slave = -1;
    termios mode{};
    ::cfmakeraw(&mode);
    mode.c_cc[VMIN] = 2;
    mode.c_cc[VTIME] = 30;
    ASSERT_EQ(::openpty(&master, &slave, nullptr, &mode, nullptr), 0);
    UniqueFd const typist(master);
    HostStream s(UniqueFd{slave}, Direction::kRead, loop_, count_);
    must(write_full(typist.borrow(), "a"));
    auto const begin = std::chrono::steady_clock::now();
    std::string text = read(s);
    while (text == "blocked" && std::chrono::steady_clock::now() - begin < std::chrono::seconds(2))
        text = read(s);
    EXPECT_EQ(text, "a");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST_F(HostStreamTest, TerminalThatHungUpEnds) {
    int master = -1;
    int slave = -1;
    ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
    HostStream s(UniqueFd{slave}, Direction::kRead, loop_, count_);
    EXPECT_EQ(read(s), "blocked");
    ::close(master);
    EXPECT_EQ(read(s), "ended");
}

TEST_F(HostStreamTest, FileIsReadFromItsPositionToItsEnd) {
    auto file = must(make_memfd("input", 0));
    must(write_full(file.borrow(), "abcdef"));
    ASSERT_EQ(::lseek(file.borrow().raw(), 2, SEEK_SET), 2);
    HostStream s(std::move(file), Direction::kRead, loop_, count_);
    EXPECT_EQ(read(s), "cdef");
    EXPECT_EQ(read(s), "ended");
}

TEST_F(HostStreamTest, FileIsWrittenAtTheSharedPosition) {
    auto file = must(make_memfd("output", 0));
    auto const shared = must(duplicate(file.borrow()));
    must(write_full(shared.borrow(), "ab"));
    HostStream s(std::move(file), Direction::kWrite, loop_, count_);
    EXPECT_EQ(write(s, "cd").bytes, 2u);
    must(write_full(shared.borrow(), "ef"));
    ASSERT_EQ(::lseek(shared.borrow().raw(), 0, SEEK_SET), 0);
    EXPECT_EQ(must(read_file(shared.borrow(), 100)), "abcdef");
}

TEST_F(HostStreamTest, NullDeviceTakesEverythingAndIsEmpty) {
    HostStream out(must(open_path("/dev/null", O_WRONLY)), Direction::kWrite, loop_, count_);
    EXPECT_EQ(write(out, "x").outcome, Outcome::kMoved);
    HostStream in(must(open_path("/dev/null", O_RDONLY)), Direction::kRead, loop_, count_);
    EXPECT_EQ(read(in), "ended");
}

TEST_F(HostStreamTest, FullDeviceEnds) {
    HostStream s(must(open_path("/dev/full", O_WRONLY)), Direction::kWrite, loop_, count_);
    EXPECT_EQ(write(s, "x").outcome, Outcome::kEnded);
}

TEST_F(HostStreamTest, SocketBlocksAndItsPeersCloseEndsIt) {
    auto [ours, theirs] = must(make_socketpair(SOCK_STREAM));
    auto const shared = must(duplicate(ours.borrow()));
    HostStream s(std::move(ours), Direction::kWrite, loop_, count_);
    EXPECT_GT(fill(s, std::string(100'000, 'x')), 0);
    EXPECT_FALSE(nonblocking(shared.borrow()));
    theirs.reset();
    EXPECT_EQ(write(s, "x").outcome, Outcome::kEnded);
}

TEST_F(HostStreamTest, ShutDownReachesThePeerThoughADuplicateIsOpen) {
    auto [ours, theirs] = must(make_socketpair(SOCK_STREAM));
    auto const duplicate_end = must(duplicate(ours.borrow()));
    EXPECT_TRUE(same_socket(ours, duplicate_end));
    EXPECT_FALSE(same_socket(ours, theirs));
    HostStream s(std::move(ours), Direction::kWrite, loop_, count_);
    s.shut_down();
    char byte;
    EXPECT_EQ(::recv(theirs.borrow().raw(), &byte, 1, MSG_DONTWAIT), 0);
}

TEST_F(HostStreamTest, ClosedStreamIsNeverReady) {
    auto [read_end, write_end] = must(make_pipe());
    HostStream s(std::move(read_end), Direction::kRead, loop_, count_);
    ASSERT_TRUE(s.wait());
    s.close();
    write_end.reset();
    EXPECT_FALSE(ready_within(0));
    EXPECT_FALSE(s.wait());
    EXPECT_EQ(read(s), "ended");
}

TEST_F(HostStreamTest, NothingIsReadBeforeTheGateOpens) {
    auto [read_end, write_end] = must(make_pipe());
    auto [gate, opener] = must(make_pipe());
    must(write_full(write_end.borrow(), std::string_view("early")));
    HostStream s(std::move(read_end), Direction::kRead, loop_, count_, std::move(gate));
    EXPECT_EQ(read(s), "blocked");
    ASSERT_TRUE(s.wait());
    EXPECT_FALSE(ready_within(20));
    opener.reset();
    EXPECT_TRUE(ready_within(1000));
    EXPECT_EQ(read(s), "early");
    write_end.reset();
    EXPECT_EQ(read(s), "ended");
}

TEST_F(HostStreamTest, StreamClosedBehindItsGateLeavesNoWatch) {
    auto [read_end, write_end] = must(make_pipe());
    auto [gate, opener] = must(make_pipe());
    HostStream s(std::move(read_end), Direction::kRead, loop_, count_, std::move(gate));
    ASSERT_TRUE(s.wait());
    s.close();
    opener.reset();
    EXPECT_FALSE(ready_within(20));
    EXPECT_EQ(read(s), "ended");
}

}  // namespace
}  // namespace krun::vmm
