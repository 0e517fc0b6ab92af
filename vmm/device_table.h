// SPDX-License-Identifier: Apache-2.0
// The list of devices: what each is called, how it is made from a machine's specification, and which system
// calls its thread needs beyond every thread's. To add a device: one row, its file, its test.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/syscall_filter.h"
#include "vmm/machine_spec.h"
#include "vmm/network_slot.h"
#include "vmm/stream_connector.h"
#include "vmm/virtio/device.h"

namespace krun::vmm {

class Balloon;

struct Devices {
    std::vector<std::unique_ptr<VirtioDevice>> in_bus_order;
    StreamConnector* connector = nullptr;  // one of them; null if none can open streams into the guest
    struct Slot {
        size_t device;  // in in_bus_order
        NetworkSlot* slot;
    };
    std::vector<Slot> network_slots;
    struct BalloonSlot {
        size_t device;
        Balloon* balloon;
    };
    std::optional<BalloonSlot> balloon;
};

struct DeviceKind {
    std::string_view name;
    // Appends as many as `spec` asks for, in bus order; may move from what it uses.
    Result<void> (*make)(MachineSpec& spec, Devices& out);
    // What its thread may call beyond common_syscalls() (MachineSpec::confine_threads).
    std::span<SyscallRule const> syscalls;
};

// In bus order, which the guest sees as virtio0, virtio1, …
std::span<DeviceKind const> device_kinds();

Result<Devices> make_devices(MachineSpec& spec, std::span<DeviceKind const> kinds);

}  // namespace krun::vmm
