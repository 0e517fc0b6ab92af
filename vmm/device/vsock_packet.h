// SPDX-License-Identifier: Apache-2.0
// virtio-vsock on the wire (virtio-v1.2 §5.10.6), little-endian as the host is.
#pragma once
#include <cstdint>

namespace krun::vmm {

inline constexpr uint64_t kHostCid = 2;
inline constexpr uint64_t kGuestCid = 3;  // the first that is not reserved (§5.10.4)

// virtio-v1.2 §5.10.6. A number from the guest may be none of these.
enum class VsockOp : uint16_t {
    kRequest = 1,
    kResponse = 2,
    kReset = 3,
    kShutdown = 4,
    kData = 5,
    kCreditUpdate = 6,
    kCreditRequest = 7
};

inline constexpr uint16_t kVsockStream = 1;  // header.type; the only type we speak

// header.flags of kShutdown (§5.10.6.5): what the *sender* of the packet will not do any more.
inline constexpr uint32_t kNoMoreReceive = 1;
inline constexpr uint32_t kNoMoreSend = 2;

// Packed: 44 bytes on the wire, which is not a multiple of the 64-bit fields' alignment.
struct [[gnu::packed]] VsockHeader {
    uint64_t src_cid;
    uint64_t dst_cid;
    uint32_t src_port;
    uint32_t dst_port;
    uint32_t len;  // payload bytes after the header
    uint16_t type;
    uint16_t op;
    uint32_t flags;
    uint32_t buf_alloc;  // sender's receive buffer, bytes
    uint32_t fwd_cnt;    // bytes that the sender has taken out of it, modulo 2^32
};
static_assert(sizeof(VsockHeader) == 44);

// A connection as the guest names it. The CIDs are always the same two.
struct VsockPorts {
    uint32_t guest;
    uint32_t host;
    bool operator==(VsockPorts const&) const = default;
};

}  // namespace krun::vmm
