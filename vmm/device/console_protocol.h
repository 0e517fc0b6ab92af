// SPDX-License-Identifier: Apache-2.0
// virtio-console on the wire (virtio-v1.2 §5.3.2 to §5.3.6), little-endian as the host is.
#pragma once
#include <cstddef>
#include <cstdint>

namespace krun::vmm {

inline constexpr uint64_t kConsoleFeatureSize = 1u << 0;
inline constexpr uint64_t kConsoleFeatureMultiport = 1u << 1;

// §5.3.4
struct ConsoleConfig {
    uint16_t columns;
    uint16_t rows;
    uint32_t max_ports;
    uint32_t emergency_write;  // not offered
};
static_assert(sizeof(ConsoleConfig) == 12);

// §5.3.6.2
enum class ConsoleEvent : uint16_t {
    kDeviceReady = 0,  // driver to device
    kPortAdd = 1,
    kPortRemove = 2,
    kPortReady = 3,  // driver to device
    kConsolePort = 4,
    kResize = 5,
    kPortOpen = 6,  // both ways
    kPortName = 7
};

// Followed by the name for kPortName and by ConsoleResize for kResize.
struct ConsoleControl {
    uint32_t id;  // port
    uint16_t event;
    uint16_t value;
};
static_assert(sizeof(ConsoleControl) == 8);

// Linux had these two the other way round before 6.15; we follow the specification.
struct ConsoleResize {
    uint16_t columns;
    uint16_t rows;
};

// §5.3.2: 0 and 1 are port 0's, 2 and 3 the control queues, then two for each further port.
inline constexpr uint16_t kControlToGuest = 2;
inline constexpr uint16_t kControlToHost = 3;
constexpr uint16_t console_queue_to_guest(uint32_t port) {
    return static_cast<uint16_t>(port == 0 ? 0 : 2 + 2 * port);
}
constexpr uint16_t console_queue_to_host(uint32_t port) {
    return static_cast<uint16_t>(console_queue_to_guest(port) + 1);
}
// The port of a queue that is not a control queue.
constexpr uint32_t console_port_of(uint16_t queue) {
    return queue < 2 ? 0u : (queue - 2u) / 2u;
}

}  // namespace krun::vmm
