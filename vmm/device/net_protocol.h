// SPDX-License-Identifier: Apache-2.0
// virtio-net on the wire (virtio-v1.2 §5.1.3 to §5.1.6), little-endian as the host is.
#pragma once
#include <array>
#include <cstdint>

namespace krun::vmm {

// §5.1.3
inline constexpr uint64_t kNetFeatureCsum = 1u << 0;  // the driver's frames may lack their checksum
inline constexpr uint64_t kNetFeatureGuestCsum = 1u << 1;
inline constexpr uint64_t kNetFeatureMtu = 1u << 3;
inline constexpr uint64_t kNetFeatureMac = 1u << 5;
inline constexpr uint64_t kNetFeatureGuestTso4 = 1u << 7;
inline constexpr uint64_t kNetFeatureGuestTso6 = 1u << 8;
inline constexpr uint64_t kNetFeatureGuestEcn = 1u << 9;
inline constexpr uint64_t kNetFeatureHostTso4 = 1u << 11;
inline constexpr uint64_t kNetFeatureHostTso6 = 1u << 12;
inline constexpr uint64_t kNetFeatureHostEcn = 1u << 13;
inline constexpr uint64_t kNetFeatureMergeable = 1u << 15;
inline constexpr uint64_t kNetFeatureStatus = 1u << 16;
inline constexpr uint64_t kNetFeatureControl = 1u << 17;
inline constexpr uint64_t kNetFeatureControlRx = 1u << 18;
inline constexpr uint64_t kNetFeatureMultiQueue = 1u << 22;

// What concerns the content of frames: which of these a back-end can take is its own.
inline constexpr uint64_t kNetGuestOffloads =
    kNetFeatureGuestCsum | kNetFeatureGuestTso4 | kNetFeatureGuestTso6 | kNetFeatureGuestEcn;
inline constexpr uint64_t kNetHostOffloads =
    kNetFeatureCsum | kNetFeatureHostTso4 | kNetFeatureHostTso6 | kNetFeatureHostEcn;

// §5.1.4
struct NetConfig {
    std::array<uint8_t, 6> mac;
    uint16_t status;
    uint16_t max_queue_pairs;
    uint16_t mtu;
};
static_assert(sizeof(NetConfig) == 12);
inline constexpr uint16_t kNetLinkUp = 1;

// §5.1.6: before each frame, in both directions.
struct NetHeader {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t header_bytes;
    uint16_t gso_bytes;
    uint16_t checksum_start;
    uint16_t checksum_offset;
    uint16_t buffers;  // to the guest: how many chains the frame is in
};
static_assert(sizeof(NetHeader) == 12);

inline constexpr uint8_t kNetNeedsChecksum = 1;  // NetHeader::flags
enum NetGso : uint8_t { kGsoNone = 0, kGsoTcp4 = 1, kGsoTcp6 = 4, kGsoEcn = 0x80 };

// A frame's addresses and type; a tag of IEEE 802.1Q makes it longer.
inline constexpr uint32_t kEthernetHeaderBytes = 14;
inline constexpr uint32_t kVlanTagBytes = 4;
// §5.1.6.3.1: the longest frame with segmentation offloads, of which IP counts no more than 65,535.
inline constexpr uint32_t kMaxFrameBytes = kEthernetHeaderBytes + kVlanTagBytes + 65535;

// §5.1.6.5: the driver's commands. Readable: class, command, data; writable: one byte of answer.
struct NetCommand {
    uint8_t group;
    uint8_t command;
};
enum NetCommandGroup : uint8_t { kReceiveModes = 0, kMacTable = 1, kQueuePairs = 4 };
inline constexpr uint8_t kMaxReceiveMode = 5;  // VIRTIO_NET_CTRL_RX_NOBCAST
inline constexpr uint8_t kMacTableSet = 0;
inline constexpr uint8_t kQueuePairsSet = 0;  // data: how many, two bytes
inline constexpr uint8_t kNetCommandDone = 0;
inline constexpr uint8_t kNetCommandFailed = 1;

}  // namespace krun::vmm
