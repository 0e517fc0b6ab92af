// SPDX-License-Identifier: Apache-2.0
// A hostile peer of a network interface: any bytes, in pieces of any size, while the driver resets. What
// reaches the guest are the frames that the bytes are, read the simple way: none more, none other, in their
// order.
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/fd.h"
#include "tests/fuzz/fuzz_script.h"
#include "tests/support/guest_driver.h"
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

class HostilePeer {
public:
    HostilePeer() {
        auto [peer, devices] = must(make_socketpair(SOCK_STREAM));
        peer_ = std::move(peer);
        backend_ = std::make_unique<NetStream>(std::move(devices));
    }
    void say(std::string_view bytes) {
        if (said_.size() + bytes.size() > kMaxBytes || ended_) return;
        property(::send(peer_.borrow().raw(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                 static_cast<ssize_t>(bytes.size()));
        said_ += bytes;
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
            auto const* const frame = room_.data() + sizeof(NetHeader);
            property(std::string(room_.data(), sizeof(NetHeader)) == std::string(sizeof(NetHeader), '\0'));
            heard_.emplace_back(frame, got.bytes - sizeof(NetHeader));
            room_.fill('x');
        }
    }
    void check() const { property(heard_ == frames_of(said_)); }

private:
    UniqueFd peer_;
    std::unique_ptr<NetStream> backend_;
    std::string said_;
    std::vector<std::string> heard_;
    std::array<char, sizeof(NetHeader) + kRoom> room_{};
    bool ended_ = false;
};

}  // namespace
}  // namespace krun::vmm

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    krun::FuzzScript script(data, size);
    krun::vmm::HostilePeer peer;
    while (!script.done()) {
        uint8_t const step = script.take<uint8_t>();
        if (step < 128) {
            peer.say(script.take_text(step));
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
