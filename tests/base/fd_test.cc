// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>

#include "tests/support/temp_dir.h"

namespace krun {
namespace {

bool closes_on_exec(UniqueFd const& fd) {
    return (::fcntl(fd.borrow().raw(), F_GETFD) & FD_CLOEXEC) != 0;
}
bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

TEST(UniqueFd, ClosesWhatItOwnsOnceAndKeepsErrno) {
    int number = -1;
    {
        UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        number = fd.borrow().raw();
        UniqueFd const moved(std::move(fd));
        EXPECT_TRUE(is_open(number));
        errno = ENOTTY;
    }
    EXPECT_EQ(errno, ENOTTY);
    EXPECT_FALSE(is_open(number));
}

TEST(UniqueFd, ReleasedNumberStaysOpen) {
    UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    int const number = fd.release();
    EXPECT_FALSE(fd.valid());
    EXPECT_TRUE(is_open(number));
    UniqueFd const owner(number);
}

TEST(Fd, EveryWayToMakeOneIsCloseOnExec) {
    test::TempDir const dir;
    auto const null = open_path("/dev/null", O_RDONLY).value();
    auto const pipe = make_pipe().value();
    auto const pair = make_socketpair(SOCK_STREAM).value();
    EXPECT_TRUE(closes_on_exec(null));
    EXPECT_TRUE(closes_on_exec(open_at(dir.fd(), "f", O_WRONLY | O_CREAT, 0600).value()));
    EXPECT_TRUE(closes_on_exec(duplicate(null.borrow()).value()));
    EXPECT_TRUE(closes_on_exec(make_eventfd().value()));
    EXPECT_TRUE(closes_on_exec(make_memfd("m", 1).value()));
    EXPECT_TRUE(closes_on_exec(pipe.first) && closes_on_exec(pipe.second));
    EXPECT_TRUE(closes_on_exec(pair.first) && closes_on_exec(pair.second));
}

TEST(Fd, FailedOpenNamesThePathAndTheReason) {
    EXPECT_EQ(open_path("/no/such/file", O_RDONLY).error().message(),
              "open /no/such/file: No such file or directory");
}

TEST(ReadFile, LongerThanTheLimitIsAnError) {
    test::TempDir const dir;
    dir.write("f", "12345");
    EXPECT_EQ(read_file(dir / "f", 5).value(), "12345");
    EXPECT_EQ(read_file(dir / "f", 4).error().message(), (dir / "f") + ": larger than 4 bytes");
}

TEST(ReplaceFile, OldTextIsGoneAndNoTemporaryIsLeft) {
    test::TempDir const dir;
    dir.write("state", "a much longer old text");
    ASSERT_TRUE(replace_file(dir.fd(), "state", "new", 0600).ok());
    EXPECT_EQ(read_file(dir / "state", 100).value(), "new");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
}

TEST(ReadFull, StopsAtTheEndOfTheStream) {
    auto pipe = make_pipe().value();
    ASSERT_TRUE(write_full(pipe.second.borrow(), "abc").ok());
    pipe.second.reset();
    std::array<std::byte, 8> out{};
    EXPECT_EQ(read_full(pipe.first.borrow(), out).value(), 3u);
}

}  // namespace
}  // namespace krun
