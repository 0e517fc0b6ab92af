// SPDX-License-Identifier: Apache-2.0
// Where no limit is met. That the host's kernel counts the kill is seen in a container (tests/guest, memory).
#include "runtime/process/host_oom.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/sanitized.h"

namespace krun::runtime {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;

// KiB that a child process has had in RAM at most, having run out of `most` bytes.
long peak_of(uint64_t most) {
    pid_t const child = ::fork();
    if (child == 0) {
        run_out_of_memory(most);
        ::_exit(0);
    }
    int status = 0;
    rusage usage{};
    EXPECT_EQ(::wait4(child, &status, 0, &usage), child);
    EXPECT_EQ(status, 0) << "it was not to be killed";
    return usage.ru_maxrss;
}

TEST(HostOom, TakesRealMemoryAndNoMoreThanItMay) {
    if (test::kSanitized) GTEST_SKIP() << "skipped: a sanitizer's own memory is more than is measured";
    long const before = peak_of(0);
    long const after = peak_of(64 * kMib);
    EXPECT_GE(after - before, 56 << 10);
    EXPECT_LE(after - before, 72 << 10);
}

}  // namespace
}  // namespace krun::runtime
