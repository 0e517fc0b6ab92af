// SPDX-License-Identifier: Apache-2.0
#include "vmm/device_table.h"

#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <string>

#include "base/usable_cpus.h"
#include "fs/passthrough/syscalls.h"
#include "vmm/device/balloon.h"
#include "vmm/device/blk.h"
#include "vmm/device/console.h"
#include "vmm/device/fs.h"
#include "vmm/device/net.h"
#include "vmm/device/rng.h"
#include "vmm/device/vsock.h"

namespace krun::vmm {
namespace {

constexpr auto kOneOf = SyscallRule::Test::kOneOf;

Result<void> add_rng(MachineSpec& spec, Devices& out) {
    if (spec.rng) out.in_bus_order.push_back(std::make_unique<Rng>());
    return {};
}

Result<void> add_console(MachineSpec& spec, Devices& out) {
    if (spec.console.empty()) return {};
    out.in_bus_order.push_back(TRY(Console::make(std::move(spec.console))));
    return {};
}

Result<void> add_shares(MachineSpec& spec, Devices& out) {
    auto const queues = Fs::useful_queues(spec.vcpus, usable_cpus());
    for (auto& share : spec.shares) out.in_bus_order.push_back(TRY(Fs::make(std::move(share), queues)));
    return {};
}

Result<void> add_vsock(MachineSpec& spec, Devices& out) {
    if (spec.vsock_ports.empty()) return {};
    auto vsock = TRY(Vsock::make(std::move(spec.vsock_ports)));
    out.connector = vsock.get();
    out.in_bus_order.push_back(std::move(vsock));
    return {};
}

Result<void> add_network_slots(MachineSpec& spec, Devices& out) {
    for (uint32_t i = 0; i < spec.network_slots; ++i) {
        auto net = TRY(Net::make(i, useful_queue_pairs(spec.vcpus)));
        out.network_slots.push_back({out.in_bus_order.size(), net.get()});
        out.in_bus_order.push_back(std::move(net));
    }
    return {};
}

Result<void> add_disks(MachineSpec& spec, Devices& out) {
    uint32_t const cpus = usable_cpus();
    for (auto& disk : spec.disks)
        out.in_bus_order.push_back(TRY(Blk::make(std::move(disk), spec.vcpus, cpus)));
    return {};
}

Result<void> add_balloon(MachineSpec& spec, Devices& out) {
    if (!spec.balloon) return {};
    auto balloon = std::make_unique<Balloon>();
    out.balloon = {out.in_bus_order.size(), balloon.get()};
    out.in_bus_order.push_back(std::move(balloon));
    return {};
}

constexpr uint32_t kIsTerminal[] = {TCGETS};
constexpr uint32_t kKickSignal[] = {34};  // kick_signal(): glibc's SIGRTMIN, which is no constant

constexpr SyscallRule kRngSyscalls[] = {{SYS_getrandom}};
constexpr SyscallRule kVsockSyscalls[] = {
    {SYS_readv},
    {SYS_preadv2},
    {SYS_pwritev2},
    {SYS_sendmsg},
    {SYS_recvmsg},
    {SYS_shutdown},
    {SYS_poll},
    {SYS_newfstatat},
    {SYS_fstat},
    {SYS_ioctl, kOneOf, 1, kIsTerminal},
    // Its alarm.
    {SYS_rt_sigaction, kOneOf, 0, kKickSignal},
    {SYS_timer_create},
    {SYS_timer_settime},
    {SYS_timer_delete},
};

constexpr uint32_t kTapIoctl[] = {TUNSETOFFLOAD, TUNSETQUEUE};
constexpr SyscallRule kNetSyscalls[] = {
    {SYS_readv},       {SYS_ioctl, kOneOf, 1, kTapIoctl}, {SYS_sendmsg}, {SYS_recvmsg}, {SYS_getsockopt},
    {SYS_getsockname},
};

constexpr SyscallRule kBlkSyscalls[] = {
    {SYS_preadv}, {SYS_preadv2}, {SYS_pwritev}, {SYS_fdatasync}, {SYS_fallocate}, {SYS_ftruncate},
};

constexpr DeviceKind kKinds[] = {
    {"rng", add_rng, kRngSyscalls},
    {"console", add_console, {}},  // the caller's `write` runs on its thread, and may log
    {"fs", add_shares, fs::kPassthroughSyscalls},
    {"vsock", add_vsock, kVsockSyscalls},
    {"blk", add_disks, kBlkSyscalls},
    {"net", add_network_slots, kNetSyscalls},
    {"balloon", add_balloon, {}},
};

}  // namespace

std::span<DeviceKind const> device_kinds() {
    return kKinds;
}

Result<Devices> make_devices(MachineSpec& spec, std::span<DeviceKind const> kinds) {
    Devices out;
    for (auto const& kind : kinds) TRY_WITH(kind.make(spec, out), "add " + std::string(kind.name));
    return out;
}

}  // namespace krun::vmm
