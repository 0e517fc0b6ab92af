// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/machine_for.h"

#include <string>
#include <string_view>

#include "base/log.h"
#include "base/strings.h"
#include "fs/server.h"
#include "runtime/process/boot_tree.h"

namespace krun::runtime {
namespace {

constexpr char const* kTag = "krun";

// With --debug the guest kernel's console is part of the log as it comes.
void tell_console(std::span<std::byte const> bytes) {
    std::string_view const text(reinterpret_cast<char const*>(bytes.data()), bytes.size());
    for (auto const line : split(text, '\n'))
        if (!line.empty()) krun::log(LogLevel::kDebug, "guest: " + printable(line));
}

}  // namespace

vmm::GuestFaultSink guest_fault_log() {
    auto limit = std::make_shared<LogLimit>();
    return [limit](std::string_view device, std::string_view rule) {
        limit->log(LogLevel::kWarning,
                   "the guest broke a rule of its " + std::string(device) +
                       " device, which stops until the guest resets it: " + std::string(rule));
    };
}

Result<vmm::MachineSpec> machine_for(GuestPlan const& plan, MachineSize const& size, HostHandles& host,
                                     std::shared_ptr<KernelLog> log,
                                     std::shared_ptr<GuestInfo const> const& info) {
    vmm::MachineSpec machine;
    machine.vcpus = size.vcpus;
    machine.ram_bytes = uint64_t{size.ram_mib} << 20;
    machine.kernel = std::move(host.kernel.file);
    machine.kernel_name = host.kernel.path;
    machine.initrd = std::move(host.initrd);
    machine.kernel_parameters = host.kernel_parameters;
    machine.nested_virtualization = host.nested_virtualization;
    machine.kvm = std::move(host.kvm);
    machine.cmdline = "root=" + std::string(kTag) + " rootfstype=virtiofs rw init=/init.krun";
    if (is_logged(LogLevel::kDebug)) machine.cmdline += " loglevel=7";  // after the machine's own "quiet"
    machine.console.push_back({"", [log = std::move(log)](std::span<std::byte const> bytes) {
                                   log->append(bytes);
                                   if (is_logged(LogLevel::kDebug)) tell_console(bytes);
                               }});
    machine.disks = std::move(host.disks);
    machine.on_guest_fault = guest_fault_log();
    auto tree = TRY(make_boot_tree(plan, host, info));
    machine.shares.push_back({kTag, std::make_shared<fs::Server>(std::move(tree))});
    return machine;
}

}  // namespace krun::runtime
