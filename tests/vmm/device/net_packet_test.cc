// SPDX-License-Identifier: Apache-2.0
// A packet socket at a tap interface, whose other side the test has.
#include "vmm/device/net_packet.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <optional>
#include <string>

#include "tests/vmm/device/tap_namespace.h"
#include "vmm/device/tap.h"

namespace krun::vmm {
namespace {

using Outcome = NetBackend::Outcome;

struct Frame {
    NetHeader header;
    std::string bytes;
};

// The next one whose bytes begin with `beginning`: the kernel says things of its own.
std::optional<Frame> next(NetBackend& from, std::string const& beginning) {
    char buffer[4096];
    iovec const parts[] = {{buffer, 7}, {buffer + 7, 1000}, {buffer + 1007, sizeof buffer - 1007}};
    for (int quiet = 0; quiet < 50;) {
        auto const got = from.receive(parts);
        if (got.outcome == Outcome::kEnded) return std::nullopt;
        if (got.outcome == Outcome::kBlocked && ++quiet > 0) ::poll(nullptr, 0, 1);
        if (got.outcome != Outcome::kMoved) continue;
        Frame out{};
        std::memcpy(&out.header, buffer, sizeof out.header);
        out.bytes.assign(buffer + sizeof out.header, got.bytes - sizeof out.header);
        if (out.bytes.starts_with(beginning)) return out;
    }
    return std::nullopt;
}

Outcome send(NetBackend& to, std::string frame, NetHeader header = {}) {
    iovec const parts[] = {{&header, 5},
                           {reinterpret_cast<char*>(&header) + 5, sizeof header - 5},
                           {frame.data(), frame.size()}};
    return to.send(parts);
}

// For everybody, of a type that nobody speaks.
std::string frame_of(char filling, size_t bytes = 100) {
    return std::string(6, '\xff') + std::string(6, '\2') + "\x88\xb5" + std::string(bytes - 14, filling);
}
// The header of a TCP segment without its sum, in IPv4.
constexpr NetHeader kUnsummed{kNetNeedsChecksum, 0, 0, 0, 34, 16, 0};

// `check` has the interface's other side and the socket.
void with_both(std::function<bool(std::unique_ptr<Tap>&, NetPacket&)> const& check) {
    in_namespace([&] {
        auto tap = std::make_unique<Tap>(open_queue(0));
        bring_up();
        auto socket = NetPacket::open(static_cast<int>(::if_nametoindex("tap0")));
        if (!socket.ok()) return false;
        NetPacket packet(std::move(socket).value(), UniqueFd());
        return packet.use(packet.offloads()).ok() && check(tap, packet);
    });
}

TEST(NetPacket, AFrameArrivesInBothDirectionsAsItWasSent) {
    with_both([](auto& tap, NetPacket& packet) {
        if (send(*tap, frame_of('a')) != Outcome::kMoved) return false;
        auto const in = next(packet, frame_of('a', 20));
        if (send(packet, frame_of('b', 1000)) != Outcome::kMoved) return false;
        auto const out = next(*tap, frame_of('b', 20));
        return in && in->bytes == frame_of('a') && out && out->bytes == frame_of('b', 1000);
    });
}

TEST(NetPacket, WhatIsLeftToTheOtherSideIsSaidInBothDirections) {
    with_both([](auto& tap, NetPacket& packet) {
        if (!tap->use(tap->offloads()).ok()) return false;
        send(*tap, frame_of('a'), kUnsummed);
        auto const in = next(packet, frame_of('a', 20));
        send(packet, frame_of('b'), kUnsummed);
        auto const out = next(*tap, frame_of('b', 20));
        auto const is_unsummed = [](auto const& frame) {
            return frame && (frame->header.flags & kNetNeedsChecksum) != 0 &&
                   frame->header.checksum_start == 34 && frame->header.checksum_offset == 16;
        };
        return is_unsummed(in) && is_unsummed(out);
    });
}

TEST(NetPacket, WhatTheDriverDidNotTakeIsLost) {
    with_both([](auto& tap, NetPacket& packet) {
        if (!packet.use(0).ok()) return false;
        send(*tap, frame_of('a'), kUnsummed);
        send(*tap, frame_of('b'));
        return !next(packet, frame_of('a', 20)) && send(*tap, frame_of('b')) == Outcome::kMoved &&
               next(packet, frame_of('b', 20));
    });
}

TEST(NetPacket, AFrameWithAVlanTagIsLost) {
    with_both([](auto& tap, NetPacket& packet) {
        std::string tagged = frame_of('a');
        tagged.replace(12, 2, std::string("\x81\0\0\7\x88\xb5", 6));
        send(*tap, tagged);
        bool const lost = !next(packet, std::string(6, '\xff'));
        send(*tap, frame_of('b'));
        return lost && next(packet, frame_of('b', 20));
    });
}

TEST(NetPacket, AFrameLongerThanThereIsRoomForIsLost) {
    with_both([](auto& tap, NetPacket& packet) {
        send(*tap, frame_of('a', 1400));
        char buffer[200];
        iovec const part{buffer, sizeof buffer};
        for (int i = 0; i < 50; ++i)
            if (packet.receive({&part, 1}).outcome == Outcome::kMoved &&
                std::string_view(buffer + 12, 14) == frame_of('a', 14))
                return false;
        return true;
    });
}

TEST(NetPacket, WhatTheInterfaceSendsIsNotReceived) {
    with_both([](auto& tap, NetPacket& packet) {
        NetPacket other(NetPacket::open(static_cast<int>(::if_nametoindex("tap0"))).value(), UniqueFd());
        send(other, frame_of('a'));
        return next(*tap, frame_of('a', 20)) && !next(packet, frame_of('a', 20));
    });
}

TEST(NetPacket, WhatIsNoFrameIsRefused) {
    with_both([](auto& /*tap*/, NetPacket& packet) {
        return send(packet, "short") == Outcome::kRefused &&
               send(packet, frame_of('a'), {kNetNeedsChecksum, 0, 0, 0, 60000, 16, 0}) == Outcome::kRefused &&
               send(packet, frame_of('a'), {0, 0x7f, 0, 0, 0, 0, 0}) == Outcome::kRefused;
    });
}

TEST(NetPacket, AnInterfaceThatGoesDownComesBackAndOneThatIsGoneDoesNot) {
    with_both([](auto& tap, NetPacket& packet) {
        bring_up(false);
        pollfd fd{packet.fd().raw(), 0, 0};
        bool ok = ::poll(&fd, 1, 1000) == 1 && (fd.revents & POLLERR) != 0 && !packet.has_ended();
        ok = ok && ::poll(&fd, 1, 0) == 0 && send(packet, frame_of('a')) == Outcome::kRefused;
        bring_up();
        ok = ok && send(*tap, frame_of('b')) == Outcome::kMoved && next(packet, frame_of('b', 20));
        tap.reset();
        ok = ok && ::poll(&fd, 1, 1000) == 1 && packet.has_ended();
        return ok && send(packet, frame_of('a')) == Outcome::kEnded;
    });
}

}  // namespace
}  // namespace krun::vmm
