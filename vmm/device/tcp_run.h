// SPDX-License-Identifier: Apache-2.0
// Consecutive segments of one TCP connection, as one that is longer, with a word of how long each was: the
// guest looks at one header in place of forty and acknowledges once (virtio-v1.2 §5.1.6.4, GUEST_TSO4 and 6).
// Whoever cuts it again has the segments that came, but for IPv4's identification. Nothing is waited for.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vmm/device/net_protocol.h"

namespace krun::vmm {

class TcpRun {
public:
    // Begins with `frame`, of which a view is kept; at most `longest` bytes will be there. False: it is no
    // segment that more could follow, or would be a run of a kind that is not among `offloads`.
    bool begin(std::span<std::byte const> frame, uint64_t offloads, size_t longest);
    // REQUIRES begin(). True: `frame` is what comes next, and has been added; a view of it is kept. What has
    // a wrong checksum is part of no run: the guest would not look at it.
    bool add(std::span<std::byte const> frame);

    bool is_several() const { return payloads_.size() > 1; }
    // Of the frame that the run is.
    size_t bytes() const { return bytes_; }
    // A NetHeader and that frame. REQUIRES is_several(), and parts with room for them.
    void write(std::span<iovec const> parts) const;

private:
    static constexpr size_t kMaxHeadBytes = kEthernetHeaderBytes + 40 + 60;  // with IPv6, and TCP's options
    // Where things are in a frame.
    struct Segment {
        bool is_ipv6;
        size_t tcp;
        size_t payload;
    };

    static std::optional<Segment> segment_in(std::span<std::byte const> frame);
    static bool is_sound(std::span<std::byte const> frame, Segment const& segment);
    bool continues(std::span<std::byte const> frame) const;
    void append(std::span<std::byte const> frame);
    size_t make_head(std::span<std::byte, kMaxHeadBytes> head) const;

    std::span<std::byte const> first_;
    Segment segment_{};  // in each of them
    std::vector<std::span<std::byte const>> payloads_;
    size_t bytes_ = 0;
    size_t longest_ = 0;
    uint32_t next_ = 0;            // the sequence number that follows
    std::byte flags_{};            // of the last
    bool is_open_ = false;         // more may follow
    bool first_is_sound_ = false;  // has been looked at; the others are when they are added
};

}  // namespace krun::vmm
