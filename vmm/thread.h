// SPDX-License-Identifier: Apache-2.0
// A named thread, joined by its owner. Not std::jthread: that reports a refused thread (EAGAIN, the
// container's pids limit) by an exception, and exceptions are off.
#pragma once
#include <pthread.h>
#include <signal.h>

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/syscall_filter.h"

namespace krun::vmm {

using SharedFilter = std::shared_ptr<SyscallFilter const>;

class Thread {
public:
    Thread() = default;
    // Runs `body` on a new thread. Of `name`, 15 characters show in top(1). All signals are blocked in it
    // except those that `body` unblocks. `body` can make the system calls of `filter` only; without one, any.
    static Result<Thread> start(std::string const& name, std::function<void()> body,
                                SharedFilter filter = nullptr);

    Thread(Thread&& other) noexcept : handle_(std::exchange(other.handle_, 0)) {}
    Thread& operator=(Thread&& other) noexcept {
        join();
        handle_ = std::exchange(other.handle_, 0);
        return *this;
    }
    ~Thread() { join(); }

    bool running() const { return handle_ != 0; }
    void join();
    // REQUIRES: running().
    void signal(int signo) const { ::pthread_kill(handle_, signo); }

private:
    explicit Thread(pthread_t handle) : handle_(handle) {}
    pthread_t handle_ = 0;  // 0: none. glibc's handles are addresses.
};

}  // namespace krun::vmm
