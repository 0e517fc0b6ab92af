// SPDX-License-Identifier: Apache-2.0
// A virtual machine: builds in KVM's cheapest order, runs, ends with a reason, and can be built again in
// the same process. All methods are for one thread, the owner's; the machine's own threads are joined
// before the destructor returns.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "vmm/machine_spec.h"

namespace krun::vmm {

// Why a machine ended by itself. None of these is a success: a container's status comes from init.
enum class EndKind {
    kShutdown,  // triple fault, or `reboot=t`: KVM_EXIT_SHUTDOWN
    kHalt,      // the last vCPU halted for ever
    kVmmFault,  // we could not go on: KVM refused, or a device thread failed
};
struct EndReason {
    EndKind kind;
    std::string text;  // one line
};

class Machine {
public:
    // Creates the VM, loads the kernel and makes the devices; nothing runs yet. Consumes `spec`.
    static Result<std::unique_ptr<Machine>> make(MachineSpec spec);
    ~Machine();  // stop()s

    // Starts the device and vCPU threads.
    Result<void> start();
    // Readable once the machine has ended by itself.
    BorrowedFd ended_event() const;
    // Empty while it runs, or when stop() ended it.
    std::optional<EndReason> end_reason() const;
    // Halts all vCPUs and devices and joins their threads. Idempotent; does not wait on the guest.
    void stop();
    // Returns from start() to here in guest exits to userspace, for benchmarks.
    uint64_t userspace_exits() const;

private:
    class Impl;
    explicit Machine(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace krun::vmm
