// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/tap.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
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

UniqueFd open_queue(int flags) {
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

void bring_up() {
    ifreq request{};
    std::strcpy(request.ifr_name, "tap0");
    request.ifr_flags = IFF_UP;
    UniqueFd const socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (::ioctl(socket.borrow().raw(), SIOCSIFFLAGS, &request) < 0) ::_exit(kCannot);
}

// Runs `check` in a process and a network namespace of its own.
void in_namespace(std::function<bool()> const& check) {
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

// The same with an interface that is up.
void with_tap(std::function<bool(Tap&)> const& check) {
    in_namespace([&] {
        Tap tap(open_queue(0));
        bring_up();
        return check(tap);
    });
}

NetBackend::Outcome send(Tap& tap, NetHeader header, std::string frame) {
    iovec const parts[] = {{&header, sizeof header}, {frame.data(), frame.size()}};
    return tap.send(parts);
}

using Outcome = NetBackend::Outcome;

TEST(Tap, TheKernelTakesAFrameAndRefusesWhatIsNone) {
    with_tap([](Tap& tap) {
        return send(tap, {}, std::string(60, 'x')) == Outcome::kMoved &&
               send(tap, {}, "short") == Outcome::kRefused;
    });
}

TEST(Tap, TheKernelRefusesAHeaderThatDoesNotFitItsFrame) {
    with_tap([](Tap& tap) {
        std::string const frame(60, 'x');
        return send(tap, {kNetNeedsChecksum, 0, 0, 0, 60000, 16, 0}, frame) == Outcome::kRefused &&
               send(tap, {0, 0x7f, 0, 0, 0, 0, 0}, frame) == Outcome::kRefused &&
               send(tap, {0, kGsoTcp4, 54, 0, 0, 0, 0}, frame) == Outcome::kRefused;
    });
}

TEST(Tap, EveryOffloadCanBeUsedAndGivenUp) {
    with_tap([](Tap& tap) {
        return tap.use(tap.offloads()).ok() && tap.use(0).ok() && tap.use(kNetFeatureGuestCsum).ok();
    });
}

TEST(Tap, AnIdleInterfaceBlocks) {
    with_tap([](Tap& tap) {
        char buffer[2048];
        iovec const part{buffer, sizeof buffer};
        Outcome last = Outcome::kMoved;
        while (last == Outcome::kMoved) last = tap.receive({&part, 1}).outcome;
        return last == Outcome::kBlocked;
    });
}

// What the namespace's stack sends by the interface.
void send_from_stack(int frames) {
    UniqueFd const socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(::if_nametoindex("tap0"));
    std::string const frame(60, 'x');
    for (int i = 0; i < frames; ++i)
        if (::sendto(socket.borrow().raw(), frame.data(), frame.size(), 0,
                     reinterpret_cast<sockaddr const*>(&to), sizeof to) < 0)
            ::_exit(2);
}

int frames_from(Tap& tap) {
    char buffer[2048];
    iovec const part{buffer, sizeof buffer};
    int frames = 0;
    while (tap.receive({&part, 1}).outcome == Outcome::kMoved)
        if (std::string_view(buffer + sizeof(NetHeader), 4) == "xxxx") ++frames;
    return frames;
}

TEST(Tap, OfSeveralQueuesThoseThatAreAttachedGetFrames) {
    in_namespace([] {
        Tap first(open_queue(IFF_MULTI_QUEUE));
        Tap second(open_queue(IFF_MULTI_QUEUE));
        bring_up();
        bool ok = second.attach(false).ok();
        send_from_stack(5);
        ok = ok && frames_from(second) == 0 && frames_from(first) == 5;
        ok = ok && second.attach(true).ok();
        send_from_stack(5);
        ok = ok && frames_from(first) + frames_from(second) == 5;
        send_from_stack(5);
        ok = ok && first.attach(false).ok() && frames_from(first) == 0;
        send_from_stack(5);
        ok = ok && frames_from(first) == 0 && frames_from(second) >= 5;
        return ok && send(first, {}, std::string(60, 'x')) == Outcome::kMoved;
    });
}

}  // namespace
}  // namespace krun::vmm
