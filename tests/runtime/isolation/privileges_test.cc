// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolation/privileges.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace krun::runtime {
namespace {

// Whether `holds` does in a process with this limit that has made room.
template <class Holds>
bool with_room(rlim_t soft, rlim_t hard, Holds holds) {
    pid_t const child = ::fork();
    if (child == 0) {
        rlimit const limit{soft, hard};
        ::setrlimit(RLIMIT_NOFILE, &limit);
        make_room_for_descriptors();
        ::_exit(holds() ? 0 : 1);
    }
    int status = -1;
    return ::waitpid(child, &status, 0) == child && status == 0;
}

// Places in the kernel's table of descriptors (proc(5), /proc/pid/status).
int table_size() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
        if (word == "FDSize:" && status >> word) return std::stoi(word);
    return 0;
}

TEST(Descriptors, TheLimitBecomesTheHardLimit) {
    EXPECT_TRUE(with_room(64, 128, [] {
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        return limit.rlim_cur == 128 && limit.rlim_max == 128;
    }));
}

bool may_open(rlim_t descriptors) {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max >= descriptors;
}

TEST(Descriptors, TheirTableHasPlacesBeforeTheyAreOpen) {
    if (!may_open(kReadyDescriptors + 1))
        GTEST_SKIP() << "skipped: the hard limit is below what is made ready";
    EXPECT_TRUE(with_room(1024, kReadyDescriptors + 1, [] { return table_size() >= kReadyDescriptors; }));
    EXPECT_TRUE(with_room(64, 1024, [] { return table_size() >= 1024; })) << "as many as the limit allows";
}

TEST(Descriptors, WhatMadeRoomIsClosedAgain) {
    int const next = ::dup(0);
    ::close(next);
    EXPECT_TRUE(with_room(1024, kReadyDescriptors + 1,
                          [&] { return ::fcntl(kReadyDescriptors - 1, F_GETFD) < 0 && ::dup(0) == next; }));
}

}  // namespace
}  // namespace krun::runtime
