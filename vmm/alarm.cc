// SPDX-License-Identifier: Apache-2.0
#include "vmm/alarm.h"

#include <unistd.h>

#include <csignal>

#include "vmm/kick.h"

namespace krun::vmm {

Result<Alarm> Alarm::make() {
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = kick_signal();
    event._sigev_un._tid = ::gettid();  // glibc has no public name for it
    timer_t timer{};
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer) < 0) return fail(Error::sys("create a timer"));
    return Alarm(timer);
}

Alarm::~Alarm() {
    if (owned_) ::timer_delete(timer_);
}

void Alarm::ring_every(std::chrono::milliseconds period) const {
    using namespace std::chrono;
    auto const whole = floor<seconds>(period);
    timespec const every{.tv_sec = whole.count(), .tv_nsec = nanoseconds(period - whole).count()};
    itimerspec const when{.it_interval = every, .it_value = every};
    ::timer_settime(timer_, 0, &when, nullptr);
}

void Alarm::stop() const {
    itimerspec const never{};
    ::timer_settime(timer_, 0, &never, nullptr);
}

}  // namespace krun::vmm
