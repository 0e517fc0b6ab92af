// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/scope_exit.h"

namespace krun {
namespace {

static_assert(sizeof(Error) == sizeof(void*), "a Result<T> must not grow by its error");

Result<void> open_nothing() {
    errno = ENOENT;
    return fail(Error::sys("open /b/rootfs/proc"));
}
Result<int> mount_proc() {
    TRY_WITH(open_nothing(), "mount /proc");
    return 1;
}

TEST(Error, MessageGoesFromTheOutermostContextToTheErrno) {
    auto const result = mount_proc();
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().message(), "mount /proc: open /b/rootfs/proc: No such file or directory");
    EXPECT_EQ(result.error().code(), Errc::kSystem);
    EXPECT_EQ(result.error().sys_errno(), ENOENT);
}

TEST(Error, TraceNamesThePlaceOfEachFrame) {
    std::string const trace = mount_proc().error().trace();
    EXPECT_LT(trace.find("open /b/rootfs/proc"), trace.find("mount /proc"));
    EXPECT_NE(trace.find("tests/base/error_test.cc:"), std::string::npos);
}

TEST(Error, ErrnoIsTakenWhenItIsMadeNotWhenItIsPrinted) {
    errno = EACCES;
    Error const error = Error::sys("open x");
    errno = EIO;
    EXPECT_EQ(error.message(), "open x: Permission denied");
}

TEST(Result, TryGivesTheValueOrReturnsTheError) {
    auto const twice = [](Result<int> in) -> Result<int> { return 2 * TRY(std::move(in)); };
    EXPECT_EQ(twice(21).value(), 42);
    EXPECT_EQ(twice(fail(Error(Errc::kInternal, "no"))).error().message(), "no");
}

TEST(ScopeExit, RunsOnceUnlessDismissed) {
    int runs = 0;
    {
        ScopeExit const guard([&] { ++runs; });
    }
    EXPECT_EQ(runs, 1);
    {
        ScopeExit guard([&] { ++runs; });
        guard.dismiss();
    }
    EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace krun
