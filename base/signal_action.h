// SPDX-License-Identifier: Apache-2.0
// What a signal does that nobody handles (signal(7), Standard signals).
#pragma once
#include <signal.h>

namespace krun {

// False for those that are ignored, and for those that stop a process or let it go on. True for real-time
// ones.
constexpr bool ends_a_process(int signal) {
    switch (signal) {
        case SIGCHLD:
        case SIGCONT:
        case SIGURG:
        case SIGWINCH:
        case SIGSTOP:
        case SIGTSTP:
        case SIGTTIN:
        case SIGTTOU:
            return false;
        default:
            return true;
    }
}

}  // namespace krun
