// SPDX-License-Identifier: Apache-2.0
#include "vmm/vcpu_thread.h"

#include <algorithm>

#include "vmm/alarm.h"
#include "vmm/kick.h"

namespace krun::vmm {
namespace {

// The longest time between two looks for a halted guest: an idle guest is hardly woken by them.
constexpr std::chrono::seconds kMaxLook{32};

}  // namespace

Result<void> VcpuThread::start(SharedFilter filter) {
    TRY(install_kick_handler());
    thread_ = TRY(Thread::start(
        "vcpu-" + std::to_string(index_), [this] { run(); }, std::move(filter)));
    return {};
}

void VcpuThread::ask_to_stop() {
    stopping_.store(true);
    // If the thread is between its test of stopping_ and KVM_RUN, the flag makes KVM_RUN return; if it is
    // inside, the kick does.
    vcpu_.request_exit();
    if (thread_.running()) thread_.signal(kick_signal());
}

void VcpuThread::run() {
    Kickable const kickable;
    auto const alarm = Alarm::make();
    // Without an alarm (RLIMIT_SIGPENDING) a halted guest goes unnoticed; everything else works.
    if (alarm.ok()) alarm.value().ring_every(look_in_);
    while (!stopping_.load()) {
        auto const exit = vcpu_.run();
        if (!std::visit([this](auto const& e) { return handle(e); }, exit)) return;
        if (alarm.ok() && std::holds_alternative<vcpu_exit::Interrupted>(exit))
            alarm.value().ring_every(look_in_);
    }
}

// A guest that can go on is looked at less and less often, one that seems stuck every second.
bool VcpuThread::look_for_halt() {
    bool const is_stuck = vcpu_.is_stuck();
    look_in_ = is_stuck ? std::chrono::seconds(1) : std::min(2 * look_in_, kMaxLook);
    return halts_.look(index_, is_stuck);
}

// Each handler: whether to go on.
bool VcpuThread::handle(vcpu_exit::Mmio const& exit) {
    exits_.fetch_add(1, std::memory_order_relaxed);
    if (exit.is_write)
        bus_.write(exit.at, exit.data);
    else  // as on a PC where nothing is: devices' registers are memory
        std::fill(exit.data.begin(), exit.data.end(), std::byte{0xff});
    return true;
}

// There is no device behind a port: reads float high, writes vanish.
bool VcpuThread::handle(vcpu_exit::Port const& exit) {
    exits_.fetch_add(1, std::memory_order_relaxed);
    if (!exit.is_write) std::fill(exit.data.begin(), exit.data.end(), std::byte{0xff});
    return true;
}

bool VcpuThread::handle(vcpu_exit::Interrupted const& /*exit*/) {
    if (!Kickable::take()) vcpu_.tell_of_pause();
    if (stopping_.load() || !look_for_halt()) return true;
    return end(EndKind::kHalt, "every CPU is halted with interrupts off");
}
bool VcpuThread::handle(vcpu_exit::Shutdown const& /*exit*/) {
    return end(EndKind::kShutdown, "reset or triple fault");
}
bool VcpuThread::handle(vcpu_exit::Halt const& /*exit*/) {
    return end(EndKind::kHalt, "halted");
}
bool VcpuThread::handle(vcpu_exit::Fault const& exit) {
    return end(EndKind::kVmmFault, exit.text);
}

bool VcpuThread::end(EndKind kind, std::string const& text) {
    exits_.fetch_add(1, std::memory_order_relaxed);
    latch_.end({kind, "guest CPU " + std::to_string(index_) + ": " + text, vcpu_.registers()});
    return false;
}

}  // namespace krun::vmm
