// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/network_plugging.h"

#include <memory>
#include <utility>

#include "runtime/network/network_plan.h"
#include "vmm/device/net_datagram.h"
#include "vmm/device/net_stream.h"
#include "vmm/device/tap.h"

namespace krun::runtime {
namespace {

std::unique_ptr<vmm::NetBackend> make_backend(NetworkBackend kind, UniqueFd fd) {
    switch (kind) {
        case NetworkBackend::kTap:
            return std::make_unique<vmm::Tap>(std::move(fd));
        case NetworkBackend::kStream:
            return std::make_unique<vmm::NetStream>(std::move(fd));
        case NetworkBackend::kDatagram:
            return std::make_unique<vmm::NetDatagram>(std::move(fd));
    }
    return nullptr;  // read_plan() lets none other through
}

}  // namespace

Result<std::vector<std::byte>> plug_network(vmm::Machine& machine, std::vector<UniqueFd> fds) {
    auto const plan = TRY(read_plan(fds.front().borrow()));
    size_t queues = 0;
    for (auto const& one : plan.interfaces) queues += one.queues;
    if (fds.size() != 1 + queues)
        return fail(Error(Errc::kInternal, "network: interfaces and their descriptors differ in number"));
    NetworkRecords records;
    records.records(plan.first);
    auto next = fds.begin() + 1;
    for (auto const& one : plan.interfaces) {
        vmm::NetInterface interface { one.mac, one.mtu, make_backend(one.backend, std::move(*next++)) };
        for (uint32_t i = 1; i < one.queues; ++i)
            interface.more.push_back(make_backend(one.backend, std::move(*next++)));
        records.plugged(TRY(machine.plug(std::move(interface))));
        records.records(one.records);
    }
    return std::move(records.records(plan.last)).take();
}

}  // namespace krun::runtime
