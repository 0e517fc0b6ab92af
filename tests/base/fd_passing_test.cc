// SPDX-License-Identifier: Apache-2.0
#include "base/fd_passing.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/fd.h"

namespace krun {
namespace {

class FdPassing : public testing::Test {
protected:
    std::pair<UniqueFd, UniqueFd> pair_ = make_socketpair(SOCK_SEQPACKET).value();
    std::array<std::byte, 8> in_{};
};

TEST_F(FdPassing, DescriptorsArriveOpenAndCloseOnExec) {
    auto const file = make_memfd("test", 0).value();
    BorrowedFd const fds[] = {file.borrow(), file.borrow()};
    ASSERT_TRUE(send_message(pair_.first.borrow(), std::as_bytes(std::span("hello", 5)), fds).ok());
    auto const received = receive_message(pair_.second.borrow(), in_);
    ASSERT_TRUE(received.ok());
    EXPECT_EQ(received.value().bytes, 5U);
    ASSERT_EQ(received.value().fds.size(), 2U);
    for (auto const& fd : received.value().fds)
        EXPECT_EQ(::fcntl(fd.borrow().raw(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(FdPassing, ClosedPeerIsAnEmptyMessage) {
    pair_.first.reset();
    EXPECT_EQ(receive_message(pair_.second.borrow(), in_).value().bytes, 0U);
}

TEST_F(FdPassing, MessageLongerThanTheBufferIsAnError) {
    std::array<std::byte, 9> const nine{};
    ASSERT_TRUE(send_message(pair_.first.borrow(), nine).ok());
    EXPECT_FALSE(receive_message(pair_.second.borrow(), in_).ok());
}

TEST_F(FdPassing, DescriptorsWithoutRoomAreAnError) {
    auto const file = make_memfd("test", 0).value();
    BorrowedFd const fds[] = {file.borrow(), file.borrow()};
    ASSERT_TRUE(send_message(pair_.first.borrow(), std::as_bytes(std::span("hello", 5)), fds).ok());
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    int const next = ::dup(file.borrow().raw());  // the lowest free number
    ::close(next);
    rlimit const one_more{static_cast<rlim_t>(next) + 1, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &one_more), 0);
    auto const received = receive_message(pair_.second.borrow(), in_);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_FALSE(received.ok());
    EXPECT_EQ(received.error().sys_errno(), EMFILE);
}

TEST_F(FdPassing, SendingToNobodyIsAnErrorAndNoSignal) {
    pair_.second.reset();
    auto const sent = send_message(pair_.first.borrow(), in_);
    ASSERT_FALSE(sent.ok());
    EXPECT_EQ(sent.error().sys_errno(), EPIPE);
}

}  // namespace
}  // namespace krun
