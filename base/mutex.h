// SPDX-License-Identifier: Apache-2.0
// std::mutex with the annotations that clang's -Wthread-safety checks. All locks of this project are
// leaves: no call-out, no blocking call and no second lock while one is held.
#pragma once
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define KRUN_TSA(x) __attribute__((x))
#else
#define KRUN_TSA(x)
#endif
#define GUARDED_BY(m) KRUN_TSA(guarded_by(m))
#define REQUIRES(...) KRUN_TSA(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) KRUN_TSA(locks_excluded(__VA_ARGS__))

namespace krun {

class KRUN_TSA(capability("mutex")) Mutex {
public:
    void lock() KRUN_TSA(acquire_capability()) { m_.lock(); }
    void unlock() KRUN_TSA(release_capability()) { m_.unlock(); }

private:
    friend class CondVar;
    std::mutex m_;
};

class KRUN_TSA(scoped_lockable) Lock {
public:
    explicit Lock(Mutex& m) KRUN_TSA(acquire_capability(m)) : m_(m) { m_.lock(); }
    ~Lock() KRUN_TSA(release_capability()) { m_.unlock(); }
    Lock(Lock const&) = delete;
    Lock& operator=(Lock const&) = delete;

private:
    Mutex& m_;
};

class CondVar {
public:
    // Waits once; the caller re-tests its condition in a loop that the analysis can see.
    void wait(Mutex& m) REQUIRES(m) {
        std::unique_lock<std::mutex> lock(m.m_, std::adopt_lock);
        cv_.wait(lock);
        lock.release();
    }
    void notify_one() noexcept { cv_.notify_one(); }
    void notify_all() noexcept { cv_.notify_all(); }

private:
    std::condition_variable cv_;
};

}  // namespace krun
