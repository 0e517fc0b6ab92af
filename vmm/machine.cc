// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine.h"

#include <utility>

#include "vmm/arch/x86_64/ioapic.h"
#include "vmm/arch/x86_64/setup.h"
#include "vmm/boot/cmdline.h"
#include "vmm/boot/initrd.h"
#include "vmm/boot/kernel.h"
#include "vmm/bus/bus.h"
#include "vmm/device/balloon.h"
#include "vmm/device_table.h"
#include "vmm/end_latch.h"
#include "vmm/kvm/system.h"
#include "vmm/memory/layout.h"
#include "vmm/thread_syscalls.h"
#include "vmm/vcpu_thread.h"
#include "vmm/virtio/mmio.h"

namespace krun::vmm {
namespace {

constexpr uint32_t kMaxVcpus = 64;
constexpr uint64_t kMinRam = uint64_t{64} << 20;
constexpr uint64_t kRamStep = uint64_t{1} << 20;

Result<void> check(MachineSpec const& spec) {
    if (spec.vcpus < 1 || spec.vcpus > kMaxVcpus)
        return fail(
            Error(Errc::kInvalidConfig, "a machine has 1 to 64 vCPUs, not " + std::to_string(spec.vcpus)));
    if (spec.ram_bytes < kMinRam || spec.ram_bytes % kRamStep != 0)
        return fail(Error(Errc::kInvalidConfig, "RAM must be whole MiB, at least 64, is " +
                                                    std::to_string(spec.ram_bytes) + " bytes"));
    return {};
}

// One device on the bus. Members in order of birth: the transport refers to the worker, both to the
// interrupt.
struct DeviceSlot {
    Interrupt interrupt;
    std::unique_ptr<Worker> worker;
    std::unique_ptr<VirtioMmio> transport;
    DevicePlace place{};
    SharedFilter filter;  // the device's thread's

    explicit DeviceSlot(std::function<void()> edge) : interrupt(std::move(edge)) {}
};

DevicePlace place_of(size_t slot) {
    return {GuestAddr{raw(layout::kMmioWindow) + slot * layout::kMmioStride}, layout::kMmioStride,
            layout::kFirstDevicePin + static_cast<uint32_t>(slot)};
}

Result<SharedFilter> shared_filter(std::string const& thread, std::span<SyscallRule const> role) {
    return std::make_shared<SyscallFilter const>(TRY(thread_filter(thread, role)));
}

}  // namespace

// Members in order of birth; the last die first. vCPUs run guest code that reaches everything above them.
class Machine::Impl {
public:
    Impl(GuestMemory ram, UniqueFd ended, uint32_t vcpus)
        : ram_(std::move(ram)), latch_(std::move(ended)), halts_(vcpus) {}

    Result<void> build(MachineSpec spec, std::span<DeviceKind const> kinds);
    Result<void> start();
    void stop();
    void connect(uint32_t host_port, uint32_t guest_port, StreamEnds ends) {
        if (connector_) connector_->connect(host_port, guest_port, std::move(ends));
    }
    Result<uint32_t> plug(NetInterface interface);
    std::optional<uint32_t> plug_balloon();
    EndLatch const& latch() const { return latch_; }
    uint64_t userspace_exits() const;
    std::vector<DeviceState> device_states() const;
    BorrowedFd kernel_image() const { return kernel_.image.borrow(); }
    std::vector<int> vm_descriptors() const;

private:
    Result<void> add_devices(MachineSpec& spec, DeviceKind const& kind);
    Result<void> add_device(std::unique_ptr<VirtioDevice> device, SharedFilter filter);
    RegisterPage page_of(size_t slot) const;
    Result<GuestAddr> load(MachineSpec const& spec);
    Result<void> add_vcpus(System const& system, MachineSpec const& spec, GuestAddr entry);
    Result<void> attach_devices();
    Result<void> attach_doorbells(Worker const& worker, GuestAddr notify);

    GuestMemory ram_;
    Mapping registers_;      // a RegisterPage for each place of a device, and the I/O APIC's
    UniqueFd acknowledged_;  // nobody reads it
    GuestFaultSink on_fault_;
    LoadedKernel kernel_;
    EndLatch latch_;
    HaltWatch halts_;
    std::optional<VmFd> vm_;
    Bus bus_;
    std::optional<x86_64::IoApic> io_apic_;
    std::vector<std::unique_ptr<DeviceSlot>> slots_;
    StreamConnector* connector_ = nullptr;  // a device in one of the slots, or none; set once, by build()
    std::vector<Devices::Slot> empty_;      // of the network; `device` is among slots_
    std::optional<Devices::BalloonSlot> balloon_;  // the same, until it is plugged in
    SharedFilter vcpu_filter_;
    std::vector<std::unique_ptr<VcpuThread>> vcpus_;
    bool stopped_ = false;
};

// The order is KVM's cheapest: memory, local APICs, vCPUs, and ioeventfds last (vmm/kvm/vm_fd.h).
Result<void> Machine::Impl::build(MachineSpec spec, std::span<DeviceKind const> kinds) {
    auto const system = TRY(System::make(std::move(spec.kvm)));
    on_fault_ = std::move(spec.on_guest_fault);
    registers_ = TRY(Mapping::anonymous((layout::kMaxDevices + 1) * layout::kMmioStride));
    acknowledged_ = TRY(make_eventfd());
    for (auto const& kind : kinds) TRY(add_devices(spec, kind));
    auto const pins = layout::kFirstDevicePin + static_cast<uint32_t>(slots_.size());
    io_apic_.emplace(RegisterPage(registers_.bytes().last<RegisterPage::kBytes>()), pins,
                     [this](auto message) { vm_->send_message(message.address, message.data); });
    TRY(bus_.attach({GuestAddr{layout::kIoApic}, layout::kPage}, *io_apic_));
    if (spec.confine_threads) vcpu_filter_ = TRY(shared_filter("vcpu", vcpu_syscalls()));
    auto const entry = TRY_WITH(load(spec), "load kernel " + spec.kernel_name);
    vm_ = TRY(system.create_vm());
    TRY(vm_->map_memory(ram_));
    TRY(vm_->map_read_only(layout::kMmioWindow,
                           registers_.bytes().first(slots_.size() * layout::kMmioStride)));
    TRY(vm_->map_read_only(GuestAddr{layout::kIoApic}, registers_.bytes().last(layout::kPage)));
    TRY(vm_->create_local_apics());
    TRY(add_vcpus(system, spec, entry));
    return attach_devices();
}

Result<void> Machine::Impl::add_devices(MachineSpec& spec, DeviceKind const& kind) {
    auto devices = TRY(make_devices(spec, {&kind, 1}));
    if (devices.connector != nullptr) connector_ = devices.connector;
    for (auto const& slot : devices.network_slots) empty_.push_back({slots_.size() + slot.device, slot.slot});
    if (devices.balloon) balloon_ = {slots_.size() + devices.balloon->device, devices.balloon->balloon};
    for (auto& device : devices.in_bus_order) {
        SharedFilter filter;
        if (spec.confine_threads)
            filter = TRY(shared_filter("dev-" + std::string(device->name()), kind.syscalls));
        TRY(add_device(std::move(device), std::move(filter)));
    }
    return {};
}

Result<void> Machine::Impl::add_device(std::unique_ptr<VirtioDevice> device, SharedFilter filter) {
    if (slots_.size() == layout::kMaxDevices)
        return fail(Error(Errc::kUnsupported,
                          "a machine has at most " + std::to_string(layout::kMaxDevices) + " devices"));
    auto const place = place_of(slots_.size());
    auto slot = std::make_unique<DeviceSlot>([this, pin = place.interrupt] { io_apic_->raise(pin); });
    slot->place = place;
    slot->filter = std::move(filter);
    slot->worker = TRY(Worker::make(std::move(device), slot->interrupt, on_fault_));
    slot->transport =
        std::make_unique<VirtioMmio>(ram_, *slot->worker, slot->interrupt, page_of(slots_.size()));
    TRY(bus_.attach({slot->place.at, slot->place.len_bytes}, *slot->transport));
    slots_.push_back(std::move(slot));
    return {};
}

RegisterPage Machine::Impl::page_of(size_t slot) const {
    auto const at = registers_.bytes().subspan(slot * layout::kMmioStride);
    return RegisterPage(at.first<RegisterPage::kBytes>());
}

Result<GuestAddr> Machine::Impl::load(MachineSpec const& spec) {
    kernel_ = TRY(load_kernel(ram_, spec.kernel.borrow()));
    std::optional<GuestRange> initrd;
    if (spec.initrd.valid()) initrd = TRY(load_initrd(ram_, spec.initrd.borrow(), kernel_));
    std::vector<DevicePlace> places;
    for (auto const& slot : slots_) places.push_back(slot->place);
    auto const cmdline = TRY(build_cmdline(places, spec.cmdline, spec.kernel_parameters));
    TRY(x86_64::write_boot_params(ram_, cmdline, kernel_.header, initrd));
    TRY(x86_64::write_mp_table(ram_, spec.vcpus, static_cast<uint32_t>(slots_.size())));
    TRY(x86_64::write_address_space(ram_));
    return kernel_.entry;
}

// vCPU 0 starts at `entry`; KVM holds the others until the guest sends them their start-up interrupt.
Result<void> Machine::Impl::add_vcpus(System const& system, MachineSpec const& spec, GuestAddr entry) {
    auto supported = TRY(system.supported_cpuid());
    TRY(x86_64::offer_virtualization(supported, spec.nested_virtualization));
    auto const msrs = x86_64::boot_msrs();
    for (uint32_t index = 0; index < spec.vcpus; ++index) {
        auto vcpu = TRY(vm_->create_vcpu(index));
        auto const tsc = vcpu.tsc_khz();  // not every KVM knows; the guest then measures
        auto const cpuid = x86_64::guest_cpuid(supported, {index, spec.vcpus, tsc.ok() ? tsc.value() : 0});
        TRY(vcpu.set_cpuid(cpuid));
        TRY(vcpu.set_msrs(msrs));
        if (index == 0) TRY(x86_64::enter_at(vcpu, entry));
        vcpus_.push_back(std::make_unique<VcpuThread>(index, std::move(vcpu), bus_, latch_, halts_));
    }
    return {};
}

Result<void> Machine::Impl::attach_devices() {
    for (auto const& slot : slots_) {
        if (!slot->worker->device().is_notified_often()) continue;
        auto const notify = GuestAddr{raw(slot->place.at) + kQueueNotifyOffset};
        auto const& worker = *slot->worker;
        if (!worker.has_lanes()) TRY(vm_->attach_doorbell(worker.doorbell(), notify));
        if (worker.has_lanes()) TRY(attach_doorbells(worker, notify));
        // That a driver has seen used buffers changes nothing: its next look at InterruptStatus is as good
        // when it sees the bit of the last time.
        auto const acknowledge = GuestAddr{raw(slot->place.at) + kInterruptAckOffset};
        TRY(vm_->attach_doorbell(acknowledged_.borrow(), acknowledge, Interrupt::kUsedBuffers));
    }
    return {};
}

// Each thread is woken for its own queue alone.
Result<void> Machine::Impl::attach_doorbells(Worker const& worker, GuestAddr notify) {
    auto const queues = static_cast<uint32_t>(worker.device().queue_sizes().size());
    for (uint32_t queue = 0; queue < queues; ++queue)
        TRY(vm_->attach_doorbell(worker.doorbell(queue), notify, queue));
    return {};
}

Result<void> Machine::Impl::start() {
    for (auto const& slot : slots_) TRY(slot->worker->start(slot->filter));
    for (auto const& vcpu : vcpus_) TRY(vcpu->start(vcpu_filter_));
    return {};
}

// vCPUs first: one of them may be waiting for a worker to finish a reset.
void Machine::Impl::stop() {
    for (auto const& vcpu : vcpus_) vcpu->ask_to_stop();
    for (auto const& vcpu : vcpus_) vcpu->join();
    for (auto const& slot : slots_) slot->worker->stop();
    stopped_ = true;
}

std::vector<DeviceState> Machine::Impl::device_states() const {
    std::vector<DeviceState> out;
    for (auto const& slot : slots_) {
        out.push_back(slot->transport->state());
        if (stopped_) slot->worker->complete(out.back());
    }
    return out;
}

Result<uint32_t> Machine::Impl::plug(NetInterface interface) {
    if (empty_.empty()) return fail(Error(Errc::kUnsupported, "no place for one more network interface"));
    auto const [device, slot] = empty_.front();
    empty_.erase(empty_.begin());
    slot->plug(std::move(interface));
    slots_[device]->transport->refresh();
    return static_cast<uint32_t>(device);
}

std::optional<uint32_t> Machine::Impl::plug_balloon() {
    auto const slot = std::exchange(balloon_, std::nullopt);
    if (!slot) return std::nullopt;
    slot->balloon->plug();
    slots_[slot->device]->transport->refresh();
    return static_cast<uint32_t>(slot->device);
}

uint64_t Machine::Impl::userspace_exits() const {
    uint64_t sum = 0;
    for (auto const& vcpu : vcpus_) sum += vcpu->exits();
    return sum;
}

std::vector<int> Machine::Impl::vm_descriptors() const {
    std::vector<int> out{vm_->fd().raw()};
    for (auto const& vcpu : vcpus_) out.push_back(vcpu->fd().raw());
    return out;
}

Machine::Machine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Machine::~Machine() {
    stop();
}

Result<std::unique_ptr<Machine>> Machine::make(MachineSpec spec) {
    return make(std::move(spec), device_kinds());
}

Result<std::unique_ptr<Machine>> Machine::make(MachineSpec spec, std::span<DeviceKind const> kinds) {
    TRY(check(spec));
    auto ram = TRY(GuestMemory::make(layout::ram_ranges(spec.ram_bytes)));
    auto impl = std::make_unique<Impl>(std::move(ram), TRY(make_eventfd()), spec.vcpus);
    TRY(impl->build(std::move(spec), kinds));
    return std::unique_ptr<Machine>(new Machine(std::move(impl)));
}

Result<void> Machine::start() {
    return impl_->start();
}
void Machine::stop() {
    impl_->stop();
}
void Machine::connect(uint32_t host_port, uint32_t guest_port, StreamEnds ends) {
    impl_->connect(host_port, guest_port, std::move(ends));
}
Result<uint32_t> Machine::plug(NetInterface interface) {
    return impl_->plug(std::move(interface));
}
std::optional<uint32_t> Machine::plug_balloon() {
    return impl_->plug_balloon();
}
BorrowedFd Machine::ended_event() const {
    return impl_->latch().event();
}
std::optional<EndReason> Machine::end_reason() const {
    return impl_->latch().reason();
}
std::vector<DeviceState> Machine::device_states() const {
    return impl_->device_states();
}
BorrowedFd Machine::kernel_image() const {
    return impl_->kernel_image();
}
uint64_t Machine::userspace_exits() const {
    return impl_->userspace_exits();
}
std::vector<int> Machine::vm_descriptors() const {
    return impl_->vm_descriptors();
}

}  // namespace krun::vmm
