// SPDX-License-Identifier: Apache-2.0
// One signal with two meanings: a kick of ours interrupts a thread and no more; the same signal sent to the
// process arrives at the main thread, whichever thread the kernel gives it to.
#include "vmm/kick.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

#include "base/fd.h"
#include "base/signal_mask.h"
#include "tests/support/guest_driver.h"
#include "tests/support/sanitized.h"
#include "vmm/alarm.h"
#include "vmm/thread.h"

namespace krun::vmm {
namespace {

class KickTest : public ::testing::Test {
protected:
    KickTest() {
        ::pthread_sigmask(SIG_SETMASK, nullptr, &mask_before_);
        block_all_signals();
        must(install_kick_handler());
    }
    ~KickTest() override {
        while (received(0) != 0) continue;
        ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
    }
    // The signal that arrived within `ms`, 0 if none did.
    uint32_t received(int ms) {
        pollfd state{.fd = signals_.borrow().raw(), .events = POLLIN, .revents = 0};
        if (::poll(&state, 1, ms) != 1) return 0;
        signalfd_siginfo info{};
        return ::read(signals_.borrow().raw(), &info, sizeof info) == sizeof info ? info.ssi_signo : 0;
    }
    // Stays in a system call that only a kick interrupts, until stopped_; counts interruptions.
    Thread start_kickable() {
        auto thread = must(Thread::start("kickable", [this] {
            Kickable const kickable;
            waiting_.store(true);
            while (!stopped_.load())
                if (::poll(nullptr, 0, 20) < 0 && errno == EINTR) interruptions_.fetch_add(1);
        }));
        while (!waiting_.load()) ::usleep(1000);
        return thread;
    }

    sigset_t mask_before_{};
    UniqueFd signals_ = must(receive_all_signals());
    std::atomic<bool> waiting_{false};
    std::atomic<bool> stopped_{false};
    std::atomic<int> interruptions_{0};
};

TEST_F(KickTest, KickInterruptsItsThreadAndReachesNobodyElse) {
    Thread thread = start_kickable();
    for (int i = 0; i < 1000 && interruptions_.load() == 0; ++i) {
        thread.signal(kick_signal());
        ::usleep(1000);
    }
    EXPECT_GT(interruptions_.load(), 0);
    EXPECT_EQ(received(50), 0u);
    stopped_.store(true);
}

TEST_F(KickTest, SameSignalSentToTheProcessArrivesThoughAThreadIsKickable) {
    Thread thread = start_kickable();
    for (int i = 0; i < 5; ++i) ASSERT_EQ(::kill(::getpid(), kick_signal()), 0);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(received(2000), static_cast<uint32_t>(kick_signal())) << i;
    EXPECT_EQ(received(50), 0u) << "five and not one more";
    stopped_.store(true);
}

TEST_F(KickTest, ThreadsLeaveNoSignalOpen) {
    if (test::kThreadSanitized) GTEST_SKIP() << "skipped: the sanitizer's own thread leaves all open";
    std::atomic<bool> running{false};
    auto thread = must(Thread::start("idle", [&] {
        running.store(true);
        while (!stopped_.load()) ::usleep(1000);
    }));
    while (!running.load()) ::usleep(1000);
    for (uint32_t signo = 1; signo <= 64; ++signo) {
        if (signo == SIGKILL || signo == SIGSTOP) continue;
        ::syscall(SYS_kill, ::getpid(), signo);  // ends this process where it is open
        EXPECT_EQ(received(2000), signo);
    }
    stopped_.store(true);
}

TEST_F(KickTest, AlarmInterruptsTheCallOfTheThreadThatMadeItAndStops) {
    std::atomic<int> rings{0};
    auto thread = must(Thread::start("alarm", [&rings] {
        auto const alarm = must(Alarm::make());
        Kickable const kickable;
        alarm.ring_every(std::chrono::milliseconds(5));
        for (int i = 0; i < 3; ++i)
            if (::poll(nullptr, 0, 10'000) < 0 && errno == EINTR) rings.fetch_add(1);
        alarm.stop();
        if (::poll(nullptr, 0, 50) < 0) rings.fetch_add(100);
    }));
    thread.join();
    EXPECT_EQ(rings.load(), 3);
    EXPECT_EQ(received(0), 0u);
}

}  // namespace
}  // namespace krun::vmm
