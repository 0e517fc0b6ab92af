// SPDX-License-Identifier: Apache-2.0
#include "vmm/device_table.h"

#include <sys/syscall.h>

#include <string>

#include "vmm/device/console.h"
#include "vmm/device/fs.h"
#include "vmm/device/rng.h"
#include "vmm/device/vsock.h"

namespace krun::vmm {
namespace {

Result<void> add_rng(MachineSpec& spec, Devices& out) {
    if (spec.rng) out.push_back(std::make_unique<Rng>());
    return {};
}

Result<void> add_console(MachineSpec& spec, Devices& out) {
    if (spec.console.empty()) return {};
    out.push_back(TRY(Console::make(std::move(spec.console))));
    return {};
}

Result<void> add_shares(MachineSpec& spec, Devices& out) {
    for (auto& share : spec.shares) out.push_back(TRY(Fs::make(std::move(share))));
    return {};
}

Result<void> add_vsock(MachineSpec& spec, Devices& out) {
    if (spec.vsock_ports.empty()) return {};
    out.push_back(TRY(Vsock::make(std::move(spec.vsock_ports))));
    return {};
}

constexpr int kRngSyscalls[] = {SYS_getrandom};
constexpr int kVsockSyscalls[] = {SYS_readv,   SYS_writev,  SYS_preadv2,    SYS_pwritev2,
                                  SYS_sendmsg, SYS_recvmsg, SYS_shutdown,   SYS_poll,
                                  SYS_fcntl,   SYS_ioctl,   SYS_newfstatat, SYS_rt_sigprocmask};

constexpr DeviceKind kKinds[] = {
    {"rng", add_rng, kRngSyscalls},
    {"console", add_console, {}},  // the caller's `write` runs on its thread: the caller knows what it needs
    {"fs", add_shares, {}},        // likewise: the file server knows
    {"vsock", add_vsock, kVsockSyscalls},
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
