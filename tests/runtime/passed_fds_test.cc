// SPDX-License-Identifier: Apache-2.0
#include "runtime/passed_fds.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/fd.h"

namespace krun::runtime {
namespace {

// Puts `fd` at number 3 in a process of its own; what passed_fds("1") says of it: its access, or "!" and why
// not.
std::string pass(UniqueFd fd) {
    auto [read_end, write_end] = make_pipe().value();
    pid_t const pid = ::fork();
    if (pid == 0) {
        int const report = ::dup2(write_end.borrow().raw(), 200);
        int const source = ::fcntl(fd.borrow().raw(), F_DUPFD, 100);  // it may be number 3 itself
        ::close(3);
        if (source >= 0) ::dup2(source, 3);
        auto const passed = passed_fds("1");
        auto const word = passed.ok() ? passed.value()[0].description.access : "!" + passed.error().message();
        ignore(write_full(BorrowedFd(report), std::string_view(word)), "the parent sees it");
        ::_exit(0);
    }
    write_end.reset();
    ::waitpid(pid, nullptr, 0);
    return read_file(read_end.borrow(), 1 << 16).value();
}

UniqueFd a_socket(int type) {
    return UniqueFd(::socket(AF_UNIX, type, 0));
}

TEST(PassedFds, EndsOfPipesGoTheirWay) {
    auto [read_end, write_end] = make_pipe().value();
    EXPECT_EQ(pass(std::move(read_end)), "r");
    EXPECT_EQ(pass(std::move(write_end)), "w");
}

TEST(PassedFds, ConnectedStreamSocketsGoBothWays) {
    EXPECT_EQ(pass(std::move(make_socketpair(SOCK_STREAM).value().first)), "rw");
}

TEST(PassedFds, FilesGoOneWayOnly) {
    EXPECT_EQ(pass(open_path("/proc/self/exe", O_RDONLY).value()), "r");
    EXPECT_EQ(pass(make_memfd("both", 0).value()).substr(0, 1), "!");
}

TEST(PassedFds, WhatIsNoStreamIsNamed) {
    char const* const kNoStream =
        "!--preserve-fds: descriptor 3 cannot be passed into a virtual machine: it is no stream of bytes";
    auto listening = a_socket(SOCK_STREAM);
    sockaddr_storage address{};
    address.ss_family = AF_UNIX;
    ASSERT_EQ(::bind(listening.borrow().raw(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)),
              0);
    ASSERT_EQ(::listen(listening.borrow().raw(), 1), 0);
    EXPECT_EQ(pass(std::move(listening)), kNoStream);
    EXPECT_EQ(pass(a_socket(SOCK_DGRAM)), kNoStream);
    EXPECT_EQ(pass(open_path("/", O_RDONLY | O_DIRECTORY).value()), kNoStream);
    EXPECT_EQ(pass(make_eventfd().value()), kNoStream);
}

TEST(PassedFds, NoneAreAskedForByDefault) {
    EXPECT_TRUE(passed_fds("").value().empty());
    EXPECT_TRUE(passed_fds("0").value().empty());
}

TEST(PassedFds, OneThatIsNotOpenIsNamed) {
    EXPECT_EQ(pass(UniqueFd()), "!--preserve-fds: descriptor 3 is not open");
}

}  // namespace
}  // namespace krun::runtime
