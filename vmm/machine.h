// SPDX-License-Identifier: Apache-2.0
// A virtual machine: builds in KVM's cheapest order, runs, ends with a reason, and can be built again in
// the same process. All methods are for one thread, the owner's, except where said; the machine's own
// threads are joined before the destructor returns.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vmm/device_state.h"
#include "vmm/machine_spec.h"
#include "vmm/network_slot.h"

namespace krun::vmm {

struct DeviceKind;

// Why a machine ended by itself. None of these is a success: a container's status comes from init.
enum class EndKind {
    kShutdown,  // triple fault, or `reboot=t`: KVM_EXIT_SHUTDOWN
    kHalt,      // the last vCPU halted for ever
    kVmmFault,  // we could not go on: KVM refused, or a device thread failed
};
struct EndReason {
    EndKind kind;
    std::string text;         // one line
    std::string registers{};  // of the CPU that ended it, as KVM left them; may be empty
};

class Machine {
public:
    // Creates the VM, loads the kernel and makes the devices; nothing runs yet. Consumes `spec`.
    static Result<std::unique_ptr<Machine>> make(MachineSpec spec);
    // The same with a list of devices other than device_kinds().
    static Result<std::unique_ptr<Machine>> make(MachineSpec spec, std::span<DeviceKind const> kinds);
    ~Machine();  // stop()s

    // Starts the device and vCPU threads.
    Result<void> start();
    // Readable once the machine has ended by itself.
    BorrowedFd ended_event() const;
    // Empty while it runs, or when stop() ended it.
    std::optional<EndReason> end_reason() const;
    // Halts all vCPUs and devices and joins their threads. Idempotent; does not wait on the guest.
    void stop();
    // Opens a stream to a port of the guest, from a port of the caller's choice (stream_connector.h). Any
    // thread; does not block. Streams opened before the guest has a driver are kept, up to the number of
    // streams that there can be; then the guest refuses those for ports that nobody listens on yet. In a
    // machine without vsock both ends are closed at once.
    void connect(uint32_t host_port, uint32_t guest_port, StreamEnds ends);
    // Plugs an interface into the next empty one of MachineSpec::network_slots and returns its device's
    // number on the bus, which in the guest is virtio-mmio.N: its driver has to be told to look there again.
    // Owner's thread. kUnsupported without an empty slot.
    Result<uint32_t> plug(NetInterface interface);
    // The same for the balloon, if MachineSpec has one that has not been plugged in before.
    std::optional<uint32_t> plug_balloon();
    // How often the guest came to this process for work since start(). Any thread.
    uint64_t userspace_exits() const;
    // In the order of the bus. Any time; queue positions and faults are there after stop().
    std::vector<DeviceState> device_states() const;
    // The kernel as it was loaded: what a compressed one unpacked to. Owned by the machine.
    BorrowedFd kernel_image() const;
    // The descriptors whose last close destroys the VM, for leave_vm_teardown_to_a_reaper(). Still owned
    // by the machine.
    std::vector<int> vm_descriptors() const;

private:
    class Impl;
    explicit Machine(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace krun::vmm
