// SPDX-License-Identifier: Apache-2.0
// The thread of one vCPU: runs the guest, sends its exits to the bus, ends the machine when it cannot go on.
#pragma once
#include <atomic>
#include <chrono>

#include "vmm/bus/bus.h"
#include "vmm/end_latch.h"
#include "vmm/halt_watch.h"
#include "vmm/kvm/vcpu_fd.h"
#include "vmm/thread.h"

namespace krun::vmm {

class VcpuThread {
public:
    // `bus`, `latch` and `halts` outlive it.
    VcpuThread(uint32_t index, VcpuFd vcpu, Bus const& bus, EndLatch& latch, HaltWatch& halts)
        : index_(index), vcpu_(std::move(vcpu)), bus_(bus), latch_(latch), halts_(halts) {}
    ~VcpuThread() {
        ask_to_stop();
        join();
    }

    // `filter` confines the thread; may be null.
    Result<void> start(SharedFilter filter = nullptr);
    // Two steps, so that all vCPUs of a machine stop at the same time. Both idempotent.
    void ask_to_stop();
    void join() { thread_.join(); }

    // Exits to userspace that needed work from us. Any thread.
    uint64_t exits() const { return exits_.load(std::memory_order_relaxed); }  // a statistic: no partner
    BorrowedFd fd() const { return vcpu_.fd(); }

private:
    void run();
    bool handle(vcpu_exit::Mmio const& exit);
    bool handle(vcpu_exit::Port const& exit);
    bool handle(vcpu_exit::Interrupted const& exit);
    bool handle(vcpu_exit::Shutdown const& exit);
    bool handle(vcpu_exit::Halt const& exit);
    bool handle(vcpu_exit::Fault const& exit);
    bool look_for_halt();
    bool end(EndKind kind, std::string const& text);

    uint32_t index_;
    VcpuFd vcpu_;
    Bus const& bus_;
    EndLatch& latch_;
    HaltWatch& halts_;
    std::chrono::seconds look_in_{1};
    std::atomic<bool> stopping_{false};
    std::atomic<uint64_t> exits_{0};
    Thread thread_;
};

}  // namespace krun::vmm
