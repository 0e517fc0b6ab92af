// SPDX-License-Identifier: Apache-2.0
#include "init/bounded_wait.h"

#include <signal.h>
#include <sys/time.h>

namespace krun::init {
namespace {

void set_timer(suseconds_t interval_us) {
    itimerval const timer{{0, interval_us}, {0, interval_us}};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

BoundedWait::BoundedWait() {
    struct sigaction action {};
    action.sa_handler = [](int) {};  // an ignored signal ends no wait
    ::sigaction(SIGALRM, &action, nullptr);
    set_timer(20'000);
}

BoundedWait::~BoundedWait() {
    set_timer(0);
}

}  // namespace krun::init
