// SPDX-License-Identifier: Apache-2.0
// A hostile DHCP server: whatever its answer is, what is believed of it is an address of a host, with a mask
// that is one.
#include <arpa/inet.h>

#include <bit>
#include <cstdlib>
#include <vector>

#include "init/dhcp_message.h"

namespace {

void property(bool holds) {
    if (!holds) std::abort();
}

bool is_of_a_host(uint32_t address) {
    uint32_t const first = ntohl(address) >> 24;
    return first != 0 && first != 127 && first < 224;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    using namespace krun::init;
    DhcpClient const client{{2, 0, 0, 0, 0, 1}, 0x12345678};
    std::vector<std::byte> const copy(reinterpret_cast<std::byte const*>(data),
                                      reinterpret_cast<std::byte const*>(data) + size);
    auto const reply = read_reply(copy, client);
    if (!reply || reply->type == DhcpType::kNak) return 0;
    auto const& lease = reply->lease;
    property(reply->type == DhcpType::kOffer || reply->type == DhcpType::kAck);
    property(is_of_a_host(lease.address) && (lease.router == 0 || is_of_a_host(lease.router)));
    property(lease.mask != 0 && std::has_single_bit(~ntohl(lease.mask) + 1ull));
    property(lease.mtu == 0 || lease.mtu >= 576);
    return 0;
}
