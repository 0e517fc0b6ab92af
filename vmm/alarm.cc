// SPDX-License-Identifier: Apache-2.0
#include "vmm/alarm.h"

#include <unistd.h>

namespace krun::vmm {

Result<Alarm> Alarm::make(int signo) {
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = signo;
    event._sigev_un._tid = ::gettid();  // glibc has no public name for it
    timer_t timer{};
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer) < 0) return fail(Error::sys("create a vCPU's timer"));
    return Alarm(timer);
}

Alarm::~Alarm() {
    if (owned_) ::timer_delete(timer_);
}

void Alarm::ring_in(time_t seconds) const {
    itimerspec when{};
    when.it_value.tv_sec = seconds;
    ::timer_settime(timer_, 0, &when, nullptr);
}

}  // namespace krun::vmm
