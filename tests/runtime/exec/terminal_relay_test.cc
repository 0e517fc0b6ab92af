// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/terminal_relay.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "runtime/exec/console_socket.h"

namespace krun::runtime {
namespace {

// Stands in for the caller's streams: descriptors 0 and 1 until the end of the test.
class Redirected {
public:
    Redirected(int fd, BorrowedFd target) : fd_(fd), before_(std::move(duplicate(BorrowedFd(fd))).value()) {
        ::dup2(target.raw(), fd);
    }
    ~Redirected() { ::dup2(before_.borrow().raw(), fd_); }

private:
    int fd_;
    UniqueFd before_;
};

TEST(TerminalRelay, BytesGoBothWaysAndTheRestIsDrained) {
    auto const terminal = open_terminal({}).value();
    auto const [ours, theirs] = make_socketpair(SOCK_STREAM).value();
    ASSERT_TRUE(send_terminal(theirs.borrow(), terminal.master.borrow()).ok());
    auto relay = TerminalRelay::receive(ours.borrow()).value();
    auto const [input, typing] = make_pipe().value();
    auto const [screen, output] = make_pipe().value();
    std::array<char, 8> text{};
    {
        Redirected const stdin_is(0, input.borrow());
        Redirected const stdout_is(1, output.borrow());
        ASSERT_TRUE(write_full(typing.borrow(), "ls").ok());
        auto ready = relay.watched();
        ASSERT_GT(::poll(ready.data(), ready.size(), 1000), 0);
        relay.move(ready);
        ASSERT_TRUE(write_full(terminal.slave.borrow(), "done").ok());
        relay.drain();
    }
    EXPECT_EQ(::read(terminal.slave.borrow().raw(), text.data(), text.size()), 2);
    EXPECT_EQ(std::string(text.data()), "ls");
    text = {};
    EXPECT_EQ(::read(screen.borrow().raw(), text.data(), text.size()), 4);
    EXPECT_EQ(std::string(text.data()), "done");
}

TEST(TerminalRelay, HangUpOfTheCallersTerminalHangsUpTheContainers) {
    auto terminal = open_terminal({}).value();
    auto callers = open_terminal({}).value();
    auto const [ours, theirs] = make_socketpair(SOCK_STREAM).value();
    ASSERT_TRUE(send_terminal(theirs.borrow(), terminal.master.borrow()).ok());
    terminal.master.reset();
    Redirected const stdin_is(0, callers.slave.borrow());
    auto relay = TerminalRelay::receive(ours.borrow()).value();
    callers.master.reset();
    auto ready = relay.watched();
    ASSERT_GT(::poll(ready.data(), ready.size(), 1000), 0);
    relay.move(ready);
    char byte = 0;
    EXPECT_EQ(::read(terminal.slave.borrow().raw(), &byte, 1), 0);
    EXPECT_EQ(relay.watched()[0].fd, -1);
    EXPECT_EQ(relay.watched()[1].fd, -1);
}

TEST(TerminalRelay, EndOfAPipeLeavesTheContainersTerminalOpen) {
    auto const terminal = open_terminal({}).value();
    auto const [ours, theirs] = make_socketpair(SOCK_STREAM).value();
    ASSERT_TRUE(send_terminal(theirs.borrow(), terminal.master.borrow()).ok());
    auto [input, typing] = make_pipe().value();
    Redirected const stdin_is(0, input.borrow());
    auto relay = TerminalRelay::receive(ours.borrow()).value();
    typing.reset();
    auto ready = relay.watched();
    ASSERT_GT(::poll(ready.data(), ready.size(), 1000), 0);
    relay.move(ready);
    EXPECT_EQ(relay.watched()[0].fd, -1);
    EXPECT_GE(relay.watched()[1].fd, 0);
}

TEST(TerminalRelay, EmptySocketIsAnErrorAndNotAWait) {
    auto const [ours, theirs] = make_socketpair(SOCK_STREAM).value();
    EXPECT_FALSE(TerminalRelay::receive(ours.borrow()).ok());
    ASSERT_TRUE(write_full(theirs.borrow(), "no descriptor").ok());
    EXPECT_FALSE(TerminalRelay::receive(ours.borrow()).ok());
}

}  // namespace
}  // namespace krun::runtime
