// SPDX-License-Identifier: Apache-2.0
// A hostile peer of a network interface: any bytes, in pieces of any size. What reaches the guest are the
// frames that the bytes are, read the simple way: none more, none other, in their order. TCP segments that
// reach it as one are those that came when they are cut.
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/fd.h"
#include "tests/fuzz/fuzz_script.h"
#include "tests/support/guest_driver.h"
#include "tests/support/tcp_frames.h"
#include "vmm/device/net_protocol.h"
#include "vmm/device/net_stream.h"

namespace krun::vmm {
namespace {

constexpr size_t kRoom = 2048;
constexpr size_t kMaxBytes = 100'000;  // what a socket takes at once

void property(bool holds) {
    if (!holds) std::abort();
}

// The frames of the whole stream up to where it breaks the rules.
std::vector<std::string> frames_of(std::string_view bytes) {
    std::vector<std::string> out;
    while (bytes.size() >= 4) {
        size_t length = 0;
        for (size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<uint8_t>(bytes[i]);
        bytes.remove_prefix(4);
        if (length > kMaxFrameBytes || length > bytes.size()) break;
        if (length >= kEthernetHeaderBytes && length <= kRoom) out.emplace_back(bytes.substr(0, length));
        bytes.remove_prefix(length);
    }
    return out;
}

// Whoever cuts a run counts IPv4's identification in his own way.
std::string without_identification(std::string frame) {
    if (frame.size() >= 34 && frame[12] == 8 && frame[13] == 0) {
        frame.replace(18, 2, 2, '\0');
        frame.replace(24, 2, 2, '\0');
    }
    return frame;
}

class HostilePeer {
public:
    explicit HostilePeer(bool takes_runs) {
        auto [peer, devices] = must(make_socketpair(SOCK_STREAM));
        peer_ = std::move(peer);
        backend_ = std::make_unique<NetStream>(std::move(devices));
        property(backend_->use(takes_runs ? backend_->offloads() : 0).ok());
    }
    void say(std::string const& bytes) {
        if (said_.size() + bytes.size() > kMaxBytes || ended_) return;
        for (size_t sent = 0; sent < bytes.size();) {
            ssize_t const n = ::send(peer_.borrow().raw(), bytes.data() + sent, bytes.size() - sent,
                                     MSG_NOSIGNAL | MSG_DONTWAIT);
            if (n < 0 && errno == EAGAIN) listen();  // there is room for no more
            if (ended_) return;
            property(n > 0 || errno == EAGAIN);
            if (n <= 0) continue;
            said_.append(bytes, sent, static_cast<size_t>(n));
            sent += static_cast<size_t>(n);
        }
    }
    // All that there is to receive.
    void listen() {
        iovec const parts[] = {
            {room_.data(), 7}, {room_.data() + 7, 100}, {room_.data() + 107, room_.size() - 107}};
        while (!ended_) {
            auto const got = backend_->receive(parts);
            ended_ = got.outcome == NetBackend::Outcome::kEnded;
            if (got.outcome == NetBackend::Outcome::kBlocked || ended_) return;
            if (got.outcome == NetBackend::Outcome::kRefused) continue;
            hear(std::string(room_.data() + sizeof(NetHeader), got.bytes - sizeof(NetHeader)));
            room_.fill('x');
        }
    }
    void check() const {
        auto const expected = frames_of(said_);
        property(heard_.size() == expected.size());
        for (size_t i = 0; i < heard_.size(); ++i)
            property(heard_[i].in_run
                         ? without_identification(heard_[i].frame) == without_identification(expected[i])
                         : heard_[i].frame == expected[i]);
    }

private:
    struct Heard {
        bool in_run;
        std::string frame;
    };
    void hear(std::string const& frame) {
        NetHeader header;
        std::memcpy(&header, room_.data(), sizeof header);
        bool const in_run = header.gso_type != kGsoNone;
        if (!in_run) property(std::string(room_.data(), sizeof header) == std::string(sizeof header, '\0'));
        for (auto& one : segments_of(header, frame)) heard_.push_back({in_run, std::move(one)});
    }

    UniqueFd peer_;
    std::unique_ptr<NetStream> backend_;
    std::string said_;
    std::vector<Heard> heard_;
    std::array<char, sizeof(NetHeader) + kRoom> room_{};
    bool ended_ = false;
};

// Segments that mostly follow one another; what differs is the script's wish.
class Connection {
public:
    std::string next(FuzzScript& script) {
        auto const wish = script.take<uint8_t>();
        frame_.ipv6 = (wish & 1) != 0;
        frame_.payload = std::string(script.take<uint8_t>(), static_cast<char>(wish));
        frame_.flags = (wish & 2) != 0 ? 0x18 : 0x10;
        if ((wish & 4) != 0) frame_.sequence += script.take<uint16_t>();
        if ((wish & 8) != 0) frame_.options = (wish & 16) != 0 ? "\1\1\1\1" : "";
        if ((wish & 32) != 0) frame_.window += 1;
        frame_.id += 1;
        auto bytes = frame_.bytes();
        frame_.sequence += static_cast<uint32_t>(frame_.payload.size());
        if ((wish & 64) != 0) bytes[script.take<uint8_t>() % bytes.size()] ^= 1;  // damaged
        return bytes;
    }

private:
    TcpFrame frame_;
};

}  // namespace
}  // namespace krun::vmm

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    krun::FuzzScript script(data, size);
    krun::vmm::HostilePeer peer(script.take<uint8_t>() % 2 == 1);
    krun::vmm::Connection connection;
    while (!script.done()) {
        uint8_t const step = script.take<uint8_t>();
        if (step < 128) {
            peer.say(script.take_text(step));
        } else if (step < 224) {
            auto const frame = connection.next(script);
            peer.say({'\0', '\0', static_cast<char>(frame.size() >> 8), static_cast<char>(frame.size())});
            peer.say(frame);
        } else {  // a frame of a length that would take too long to guess
            size_t const length = script.take<uint16_t>();
            char const header[] = {0, 0, static_cast<char>(length >> 8), static_cast<char>(length)};
            peer.say({header, 4});
            peer.say(std::string(length, static_cast<char>(step)));
        }
        if (step % 3 != 0) peer.listen();
    }
    peer.listen();
    peer.check();
    return 0;
}
