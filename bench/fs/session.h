// SPDX-License-Identifier: Apache-2.0
// A mounted share: FUSE requests over one request queue, laid out as Linux's virtio-fs driver lays them out
// (fs/fuse/virtio_fs.c): header and arguments in a part each, then pages.
#pragma once
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "bench/fs/peer.h"
#include "fs/abi.h"

namespace krun::bench {

namespace abi = fs::abi;

// Struct bytes and NUL-terminated names, one after the other.
template <class... Args>
std::string arguments(Args const&... args) {
    std::string out;
    auto const put = [&](auto const& arg) {
        if constexpr (std::is_convertible_v<decltype(arg), std::string_view>)
            out.append(std::string_view(arg)).push_back('\0');
        else
            out.append(reinterpret_cast<char const*>(&arg), sizeof arg);
    };
    (put(args), ...);
    return out;
}

class Session {
public:
    // Negotiates as Linux 6.12 does. `peer` outlives the session.
    explicit Session(Peer& peer);

    DriverQueue& queue() { return peer_.queues().front(); }
    uint32_t most_data_bytes() const { return most_data_bytes_; }

    // Puts a request into a slot whose shape has its room: header, arguments.
    // `data_bytes` more follow in pages, which are left as they are.
    void fill(uint16_t slot, abi::Opcode opcode, uint64_t node, std::string_view args,
              uint32_t data_bytes = 0);
    // The slot's reply header said this errno, 0 for success.
    int error(uint16_t slot, size_t readable_parts = 2);

    // One request, waited for. Ends the program if the errno is another than `wanted`.
    template <class Reply>
    Reply call(abi::Opcode opcode, uint64_t node, std::string_view args, int wanted = 0) {
        perform(opcode, node, args, wanted);
        Reply reply;
        std::memcpy(&reply, queue().part(kCallSlot, 3), sizeof reply);
        return reply;
    }
    void perform(abi::Opcode opcode, uint64_t node, std::string_view args, int wanted = 0);
    void forget(uint64_t node, uint64_t count);

    uint64_t lookup(uint64_t parent, std::string_view name);
    // A lookup that finds nothing, whichever way the server says so.
    void miss(uint64_t parent, std::string_view name);
    uint64_t walk(std::string_view path);
    uint64_t open(uint64_t node, uint32_t flags);
    // Lists a directory as a guest does; returns the number of entries.
    uint64_t list(uint64_t node, abi::Opcode opcode);

    // Keeps `depth` requests under way until `count` are done. `prepare(slot, i)` fills in the i-th request.
    void pipeline(uint16_t depth, uint64_t count, size_t readable_parts,
                  std::function<void(uint16_t, uint64_t)> const& prepare);

    // User and group of those who make files.
    uint32_t user = 0;
    // What the guest does for itself before each call(); paused_ns() of it have gone by.
    uint64_t pause_ns = 0;
    uint64_t paused_ns() const { return paused_ns_; }

private:
    static constexpr uint16_t kCallSlot = DriverQueue::kSlots - 1;
    static constexpr uint16_t kForgetSlot = DriverQueue::kSlots - 2;
    static constexpr uint16_t kListSlot = DriverQueue::kSlots - 3;

    Peer& peer_;
    uint32_t most_data_bytes_ = 0;
    uint64_t paused_ns_ = 0;
};

}  // namespace krun::bench
