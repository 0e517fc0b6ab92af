// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/tap.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "base/fd.h"
#include "tests/support/guest_driver.h"
#include "vmm/device/net_protocol.h"

namespace krun::vmm {
namespace {

constexpr int kCannot = 77;

// An interface that is up, in a network namespace of the calling process.
UniqueFd make_tap() {
    // First the namespace: an open file of this kind belongs to the one in which it was opened.
    if (::unshare(CLONE_NEWNET) < 0) ::_exit(kCannot);
    UniqueFd tap(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!tap.valid()) ::_exit(kCannot);
    ifreq request{};
    std::strcpy(request.ifr_name, "tap0");
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (::ioctl(tap.borrow().raw(), TUNSETIFF, &request) < 0) ::_exit(kCannot);
    int bytes = sizeof(NetHeader);
    if (::ioctl(tap.borrow().raw(), TUNSETVNETHDRSZ, &bytes) < 0) ::_exit(kCannot);
    request.ifr_flags = IFF_UP;
    UniqueFd const socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (::ioctl(socket.borrow().raw(), SIOCSIFFLAGS, &request) < 0) ::_exit(kCannot);
    return tap;
}

// Runs `check` in a process of its own, whose namespace may change.
void in_namespace(std::function<bool(Tap&)> const& check) {
    pid_t const child = ::fork();
    if (child == 0) {
        Tap tap(make_tap());
        ::_exit(check(tap) ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kCannot)
        GTEST_SKIP() << "no tap interface can be made here";
    EXPECT_EQ(status, 0);
}

NetBackend::Outcome send(Tap& tap, NetHeader header, std::string frame) {
    iovec const parts[] = {{&header, sizeof header}, {frame.data(), frame.size()}};
    return tap.send(parts);
}

using Outcome = NetBackend::Outcome;

TEST(Tap, TheKernelTakesAFrameAndRefusesWhatIsNone) {
    in_namespace([](Tap& tap) {
        return send(tap, {}, std::string(60, 'x')) == Outcome::kMoved &&
               send(tap, {}, "short") == Outcome::kRefused;
    });
}

TEST(Tap, TheKernelRefusesAHeaderThatDoesNotFitItsFrame) {
    in_namespace([](Tap& tap) {
        std::string const frame(60, 'x');
        return send(tap, {kNetNeedsChecksum, 0, 0, 0, 60000, 16, 0}, frame) == Outcome::kRefused &&
               send(tap, {0, 0x7f, 0, 0, 0, 0, 0}, frame) == Outcome::kRefused &&
               send(tap, {0, kGsoTcp4, 54, 0, 0, 0, 0}, frame) == Outcome::kRefused;
    });
}

TEST(Tap, EveryOffloadCanBeUsedAndGivenUp) {
    in_namespace([](Tap& tap) {
        return tap.use(tap.offloads()).ok() && tap.use(0).ok() && tap.use(kNetFeatureGuestCsum).ok();
    });
}

TEST(Tap, AnIdleInterfaceBlocks) {
    in_namespace([](Tap& tap) {
        char buffer[2048];
        iovec const part{buffer, sizeof buffer};
        Outcome last = Outcome::kMoved;
        while (last == Outcome::kMoved) last = tap.receive({&part, 1}).outcome;
        return last == Outcome::kBlocked;
    });
}

}  // namespace
}  // namespace krun::vmm
