// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/passed_fds.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/fd.h"

namespace krun::runtime {
namespace {

// What `question` says in a process of its own, where `fd` has number 3.
std::string ask(UniqueFd fd, std::string (*question)()) {
    auto [read_end, write_end] = make_pipe().value();
    pid_t const pid = ::fork();
    if (pid == 0) {
        int const report = ::dup2(write_end.borrow().raw(), 200);
        int const source = ::fcntl(fd.borrow().raw(), F_DUPFD, 100);  // it may be number 3 itself
        ::close(3);
        if (source >= 0) ::dup2(source, 3);
        auto const word = question();
        ignore(write_full(BorrowedFd(report), std::string_view(word)), "the parent sees it");
        ::_exit(0);
    }
    write_end.reset();
    ::waitpid(pid, nullptr, 0);
    return read_file(read_end.borrow(), 1 << 16).value();
}

// The access of what passes, or "!" and why not.
std::string pass(UniqueFd fd) {
    return ask(std::move(fd), [] {
        auto const passed = preserved_fds("1");
        return passed.ok() ? passed.value()[0].description.access : "!" + passed.error().message();
    });
}

// The payload's, when LISTEN_FDS says 1 to this very process: access, family, port and environment.
std::string activate(UniqueFd fd) {
    return ask(std::move(fd), [] {
        ::setenv("LISTEN_FDS", "1", 1);
        ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
        ::setenv("LISTEN_FDNAMES", "web", 1);
        auto const passed = fds_for_payload("");
        if (!passed.ok()) return "!" + passed.error().message();
        auto const& [number, access, family, port] = passed.value().fds.at(0).description;
        std::string out = std::to_string(number) + " " + access + " " + family + " " + std::to_string(port);
        for (auto const& entry : passed.value().env) out += " " + entry;
        return out;
    });
}

template <class Name>
UniqueFd listening(Name const& name, socklen_t bytes) {
    UniqueFd fd(::socket(reinterpret_cast<sockaddr const&>(name).sa_family, SOCK_STREAM, 0));
    EXPECT_EQ(::bind(fd.borrow().raw(), reinterpret_cast<sockaddr const*>(&name), bytes), 0);
    EXPECT_EQ(::listen(fd.borrow().raw(), 1), 0);
    return fd;
}

UniqueFd listening_unix() {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    return listening(name, sizeof name.sun_family);
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
    EXPECT_EQ(pass(a_socket(SOCK_DGRAM)), kNoStream);
    EXPECT_EQ(pass(open_path("/", O_RDONLY | O_DIRECTORY).value()), kNoStream);
    EXPECT_EQ(pass(make_eventfd().value()), kNoStream);
}

TEST(PassedFds, ExecutedProcessCannotHaveAListeningSocket) {
    EXPECT_EQ(pass(listening_unix()),
              "!--preserve-fds: descriptor 3 listens: only the container's first process can have it");
}

TEST(PassedFds, ListeningSocketOfAnActivationIsDescribedAndAnnounced) {
    constexpr char kAnnounced[] = " LISTEN_FDS=1 LISTEN_PID=1 LISTEN_FDNAMES=web";
    EXPECT_EQ(activate(listening_unix()), std::string("3 listen unix 0") + kAnnounced);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto socket = listening(name, sizeof name);
    socklen_t bytes = sizeof name;
    ASSERT_EQ(::getsockname(socket.borrow().raw(), reinterpret_cast<sockaddr*>(&name), &bytes), 0);
    EXPECT_EQ(activate(std::move(socket)),
              "3 listen inet " + std::to_string(ntohs(name.sin_port)) + kAnnounced);
}

TEST(PassedFds, ActivationOfADescriptorThatIsNoStreamIsRefusedByNumber) {
    EXPECT_EQ(activate(a_socket(SOCK_DGRAM)),
              "!LISTEN_FDS: descriptor 3 cannot be passed into a virtual machine: it is no stream of bytes");
}

TEST(PassedFds, ActivationThatIsMeantForAnotherProcessIsNone) {
    auto const fds = ask(listening_unix(), [] {
        ::setenv("LISTEN_FDS", "1", 1);
        ::setenv("LISTEN_PID", "1", 1);
        auto const passed = fds_for_payload("");
        return std::to_string(passed.value().fds.size() + passed.value().env.size());
    });
    EXPECT_EQ(fds, "0");
}

TEST(PassedFds, PreservedOnesFollowThoseOfAnActivation) {
    auto const numbers = ask(listening_unix(), [] {
        ::setenv("LISTEN_FDS", "1", 1);
        ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
        ::dup2(200, 4);  // the write end of a pipe
        std::string out;
        for (auto const& one : fds_for_payload("1").value().fds)
            out += std::to_string(one.description.fd) + one.description.access + " ";
        return out;
    });
    EXPECT_EQ(numbers, "3listen 4w ");
}

TEST(PassedFds, NoneAreAskedForByDefault) {
    EXPECT_TRUE(preserved_fds("").value().empty());
    EXPECT_TRUE(preserved_fds("0").value().empty());
}

TEST(PassedFds, OneThatIsNotOpenIsNamed) {
    EXPECT_EQ(pass(UniqueFd()), "!--preserve-fds: descriptor 3 is not open");
}

}  // namespace
}  // namespace krun::runtime
