// SPDX-License-Identifier: Apache-2.0
// What `start` has found in the container's network namespace, on its way to the container process, which
// plugs the interfaces in and passes the rest on to init.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/control_protocol.h"
#include "runtime/network/netlink.h"

namespace krun::runtime {

// More interfaces than this no machine gets.
inline constexpr size_t kMaxNetworkInterfaces = 8;

// What carries an interface's frames: vmm/device has a file for each.
// kPacket has two descriptors: the socket and a lock.
enum class NetworkBackend : uint32_t { kTap = 0, kStream = 1, kDatagram = 2, kPacket = 3 };

// Where ifinfomsg, ifaddrmsg and ndmsg have the interface's number in a request.
inline constexpr uint16_t kInterfaceFixup = sizeof(nlmsghdr) + 4;

// control::NetworkRecords being written.
class NetworkRecords {
public:
    NetworkRecords& plugged(uint32_t device);
    // `fixups`: where in request.bytes() which interface's number belongs.
    NetworkRecords& request(NetlinkRequest const& request, std::span<control::NetworkFixup const> fixups);
    // `path` is below /proc/sys. If `required`, a guest that does not know it fails.
    NetworkRecords& sysctl(std::string_view path, std::string_view value, bool required);
    // By DHCP; `interface` is up.
    NetworkRecords& ask_for_address(uint32_t interface);
    NetworkRecords& records(std::span<std::byte const> more);
    std::vector<std::byte> take() && { return std::move(out_).take(); }

private:
    void record(control::NetworkRecordKind kind, std::span<control::NetworkFixup const> fixups,
                std::span<std::byte const> content);
    ByteWriter out_;
};

struct NetworkPlan {
    struct Interface {
        std::array<uint8_t, 6> mac;
        uint16_t mtu;
        NetworkBackend backend;
        std::vector<std::byte> records;  // right after it was plugged in, before the next one is
        uint32_t descriptors = 1;        // of its back-end: a tap's queues, or a socket and what it needs
    };
    std::vector<std::byte> first;  // before there is any of them
    std::vector<Interface> interfaces;
    std::vector<std::byte> last;
};

// A file to be handed over. Fails if it is more than a guest can be told (control::kMaxHostBodyBytes).
Result<UniqueFd> write_plan(NetworkPlan const& plan);
Result<NetworkPlan> read_plan(BorrowedFd file);

}  // namespace krun::runtime
