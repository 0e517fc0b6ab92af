// SPDX-License-Identifier: Apache-2.0
// Owning and borrowed file descriptors.
#pragma once
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace krun {

// A descriptor somebody else closes. Parameters take this; members never do.
class BorrowedFd {
public:
    explicit BorrowedFd(int fd) noexcept : fd_(fd) {}
    int raw() const noexcept { return fd_; }

private:
    int fd_;
};

class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) noexcept : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        if (this != &other) reset(std::exchange(other.fd_, -1));
        return *this;
    }
    ~UniqueFd() { reset(); }

    bool valid() const noexcept { return fd_ >= 0; }
    BorrowedFd borrow() const& noexcept { return BorrowedFd(fd_); }
    BorrowedFd borrow() const&& = delete;  // would outlive its owner
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

    void reset(int fd = -1) noexcept {
        int const saved_errno = errno;  // an error path's destructors must not change its errno
        // Linux has freed the number even when close() says EINTR: retrying could close another
        // thread's new descriptor.
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
        errno = saved_errno;
    }

private:
    int fd_ = -1;
};

}  // namespace krun
