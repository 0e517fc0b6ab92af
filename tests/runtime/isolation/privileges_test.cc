// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolation/privileges.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace krun::runtime {
namespace {

TEST(DescriptorLimit, BecomesTheHardLimit) {
    pid_t const child = ::fork();
    if (child == 0) {
        rlimit limit{64, 128};
        ::setrlimit(RLIMIT_NOFILE, &limit);
        raise_descriptor_limit();
        ::getrlimit(RLIMIT_NOFILE, &limit);
        ::_exit(limit.rlim_cur == 128 && limit.rlim_max == 128 ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace krun::runtime
