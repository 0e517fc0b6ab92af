// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/tap.h"

#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>

#include "tests/vmm/device/tap_namespace.h"
#include "vmm/device/net_protocol.h"

namespace krun::vmm {
namespace {

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
