// SPDX-License-Identifier: Apache-2.0
// A network namespace with a tap interface, for tests of what speaks with the kernel.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>

#include "base/unique_fd.h"
#include "vmm/device/net_protocol.h"

namespace krun::vmm {

inline constexpr int kCannot = 77;  // how a process ends that can make no tap interface

// Of tap0; `flags` beside the usual.
inline UniqueFd open_queue(int flags) {
    UniqueFd tap(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!tap.valid()) ::_exit(kCannot);
    ifreq request{};
    std::strcpy(request.ifr_name, "tap0");
    request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags);
    if (::ioctl(tap.borrow().raw(), TUNSETIFF, &request) < 0) ::_exit(kCannot);
    int bytes = sizeof(NetHeader);
    if (::ioctl(tap.borrow().raw(), TUNSETVNETHDRSZ, &bytes) < 0) ::_exit(kCannot);
    return tap;
}

inline void bring_up(bool up = true) {
    ifreq request{};
    std::strcpy(request.ifr_name, "tap0");
    request.ifr_flags = up ? IFF_UP : 0;
    UniqueFd const socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (::ioctl(socket.borrow().raw(), SIOCSIFFLAGS, &request) < 0) ::_exit(kCannot);
}

// Runs `check` in a process and a network namespace of its own.
inline void in_namespace(std::function<bool()> const& check) {
    pid_t const child = ::fork();
    if (child == 0) {
        // First the namespace: an open file of a tap interface belongs to the one in which it was opened.
        if (::unshare(CLONE_NEWNET) < 0) ::_exit(kCannot);
        ::_exit(check() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kCannot)
        GTEST_SKIP() << "no tap interface can be made here";
    EXPECT_EQ(status, 0);
}

}  // namespace krun::vmm
