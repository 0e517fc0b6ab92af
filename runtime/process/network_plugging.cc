// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/network_plugging.h"

#include <memory>
#include <span>
#include <utility>

#include "runtime/network/network_plan.h"
#include "vmm/device/net_datagram.h"
#include "vmm/device/net_packet.h"
#include "vmm/device/net_stream.h"
#include "vmm/device/tap.h"

namespace krun::runtime {
namespace {

// `fds` are an interface's that are left; not empty.
std::unique_ptr<vmm::NetBackend> take_backend(NetworkBackend kind, std::span<UniqueFd>& fds) {
    auto const next = [&] {
        auto fd = fds.empty() ? UniqueFd() : std::move(fds.front());
        if (!fds.empty()) fds = fds.subspan(1);
        return fd;
    };
    switch (kind) {
        case NetworkBackend::kTap:
            return std::make_unique<vmm::Tap>(next());
        case NetworkBackend::kStream:
            return std::make_unique<vmm::NetStream>(next());
        case NetworkBackend::kDatagram:
            return std::make_unique<vmm::NetDatagram>(next());
        case NetworkBackend::kPacket: {
            auto socket = next();
            return std::make_unique<vmm::NetPacket>(std::move(socket), next());
        }
    }
    return nullptr;  // read_plan() lets none other through
}

}  // namespace

Result<std::vector<std::byte>> plug_network(vmm::Machine& machine, std::vector<UniqueFd> fds) {
    auto const plan = TRY(read_plan(fds.front().borrow()));
    size_t descriptors = 0;
    for (auto const& one : plan.interfaces) descriptors += one.descriptors;
    if (fds.size() != 1 + descriptors)
        return fail(Error(Errc::kInternal, "network: interfaces and their descriptors differ in number"));
    NetworkRecords records;
    records.records(plan.first);
    auto rest = std::span(fds).subspan(1);
    for (auto const& one : plan.interfaces) {
        auto own = rest.first(one.descriptors);
        rest = rest.subspan(one.descriptors);
        vmm::NetInterface interface { one.mac, one.mtu, take_backend(one.backend, own) };
        while (!own.empty()) interface.more.push_back(take_backend(one.backend, own));
        records.plugged(TRY(machine.plug(std::move(interface))));
        records.records(one.records);
    }
    return std::move(records.records(plan.last)).take();
}

}  // namespace krun::runtime
