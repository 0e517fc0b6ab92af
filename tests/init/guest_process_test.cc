// SPDX-License-Identifier: Apache-2.0
// The end of one process and what the host is still owed then, with a clock of the test's.
#include "init/guest_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "base/fd.h"

namespace krun::init {
namespace {

using Pair = std::pair<UniqueFd, UniqueFd>;

// A process with standard streams, played by a child of the test.
class GuestProcessTest : public ::testing::Test {
protected:
    GuestProcessTest() : GuestProcessTest(make_socketpair(SOCK_STREAM).value()) {}
    explicit GuestProcessTest(Pair control)
        : host_(std::move(control.first)), link_(std::move(control.second)) {
        ::signal(SIGPIPE, SIG_IGN);
    }

    // The child says that it is ready, runs `body` and ends with code 9.
    void start(void (*body)(std::vector<ProcessEnd> const& ends), bool ready = true) {
        Connections connections;
        for (uint32_t n = 0; n < 3; ++n) {
            auto [host, guest] = make_socketpair(SOCK_STREAM).value();
            streams_[n] = std::move(host);
            connections[n] = std::move(guest);
        }
        auto const make_child = [&](std::vector<ProcessEnd> ends) -> Result<Child> {
            auto [ours, theirs] = make_socketpair(SOCK_SEQPACKET).value();
            pid_t const pid = ::fork();
            if (pid != 0) return Child{pid, {}, StatusSocket(std::move(ours))};
            // As a real one, it holds nothing but its own ends.
            for (auto const& end : ends)
                if (::fcntl(end.fd.borrow().raw(), F_SETFD, 0) < 0) ::_exit(1);
            StatusSocket socket(std::move(theirs));
            if (ready) ignore(socket.send({StatusKind::kReady, 0, {}, {}}), "the test sees it");
            body(ends);
            ::_exit(9);
        };
        ASSERT_TRUE(process_.start(guest::Process{}, std::move(connections), make_child).ok());
    }
    void settle() {
        for (int i = 0; i < 50; ++i) ASSERT_TRUE(loop_.run_once(1).ok());
    }
    void reap() {
        int status = 0;
        ASSERT_EQ(::waitpid(process_.pid(), &status, 0), process_.pid());
        process_.reaped(status);
    }

    UniqueFd host_;
    ControlLink link_;
    EventLoop loop_ = EventLoop::make().value();
    UniqueFd streams_[3];
    GuestProcess process_{1, link_, loop_};
};

void fill_output(std::vector<ProcessEnd> const& ends) {
    std::string const text(60'000, 'x');
    for (int i = 0; i < 5; ++i)
        if (::write(ends[1].fd.borrow().raw(), text.data(), text.size()) < 0) ::_exit(1);
}

void fill_without_end(std::vector<ProcessEnd> const& ends) {
    ::signal(SIGPIPE, SIG_DFL);
    while (true) fill_output(ends);
}

TEST_F(GuestProcessTest, IsReportedWhenTheLastOutputIsTaken) {
    start([](std::vector<ProcessEnd> const& ends) {
        if (::write(ends[1].fd.borrow().raw(), "last", 4) != 4) ::_exit(1);
    });
    reap();
    EXPECT_FALSE(process_.reportable());
    settle();
    EXPECT_TRUE(process_.reportable());
    char text[8];
    EXPECT_EQ(::read(streams_[1].borrow().raw(), text, sizeof text), 4);
    EXPECT_FALSE(process_.check_progress(0).has_value());
}

TEST_F(GuestProcessTest, ReaderThatTakesNothingIsWaitedForWithoutALimit) {
    start(fill_without_end);
    settle();
    ASSERT_EQ(::kill(process_.pid(), SIGKILL), 0);
    reap();
    settle();
    EXPECT_FALSE(process_.check_progress(1'000'000).has_value());
    EXPECT_FALSE(process_.reportable());
}

TEST_F(GuestProcessTest, SignalToADeadProcessEndsTheWaitForItsReader) {
    start(fill_without_end);
    settle();
    ASSERT_EQ(::kill(process_.pid(), SIGKILL), 0);
    reap();
    process_.signal(SIGWINCH);  // ends nothing by default
    EXPECT_FALSE(process_.reportable());
    process_.signal(SIGTERM);
    EXPECT_TRUE(process_.reportable());
}

TEST_F(GuestProcessTest, ReaderThatTakesNothingForTenSecondsAfterTheContainersEndIsGivenUp) {
    start(fill_without_end);
    settle();
    ASSERT_EQ(::kill(process_.pid(), SIGKILL), 0);
    reap();
    process_.container_ended();
    settle();
    EXPECT_EQ(process_.check_progress(1000), 11'000);
    EXPECT_FALSE(process_.reportable());
    EXPECT_EQ(process_.check_progress(10'999), 11'000);
    EXPECT_FALSE(process_.check_progress(11'000).has_value());
    EXPECT_TRUE(process_.reportable());
}

TEST_F(GuestProcessTest, ReaderThatTakesSomethingHasTenSecondsMore) {
    start(fill_without_end);
    settle();
    ASSERT_EQ(::kill(process_.pid(), SIGKILL), 0);
    reap();
    process_.container_ended();
    EXPECT_EQ(process_.check_progress(1000), 11'000);
    // A local socket takes more only when most of it is free.
    std::vector<char> block(100'000);
    while (::recv(streams_[1].borrow().raw(), block.data(), block.size(), MSG_DONTWAIT) > 0) {
    }
    ASSERT_TRUE(loop_.run_once(100).ok());
    EXPECT_EQ(process_.check_progress(10'000), 20'000);
}

TEST_F(GuestProcessTest, DeathInSetUpIsAFailureWithItsStatus) {
    start([](std::vector<ProcessEnd> const&) { ::_exit(3); }, /*ready=*/false);
    reap();
    ASSERT_TRUE(process_.reportable());
    ASSERT_TRUE(process_.report().ok());
    char bytes[256];
    ssize_t const n = ::read(host_.borrow().raw(), bytes, sizeof bytes);
    ASSERT_GT(n, 16);
    EXPECT_EQ(std::string(bytes + 16, static_cast<size_t>(n) - 16),
              "the process ended before it was ready (status 768)");
}

}  // namespace
}  // namespace krun::init
