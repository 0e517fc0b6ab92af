// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/machine_evidence.h"

#include <fcntl.h>

#include <cstdio>
#include <cstring>

#include "base/fd.h"

namespace krun::runtime {
namespace {

std::string hex(uint64_t value) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
    return text;
}

// virtio-v1.2 §2.1.
std::string status_words(uint32_t status) {
    constexpr struct {
        uint32_t bit;
        char const* name;
    } kBits[] = {{1, "acknowledged"}, {2, "driver"},       {8, "features"},
                 {4, "running"},      {64, "needs-reset"}, {128, "failed"}};
    std::string out;
    for (auto const& [bit, name] : kBits)
        if ((status & bit) != 0) out += (out.empty() ? "" : ",") + std::string(name);
    return out.empty() ? "untouched" : out;
}

std::string device_line(vmm::DeviceState const& device) {
    std::string line = "device " + device.name + ": " + status_words(device.status) + ", features " +
                       hex(device.driver_features);
    for (size_t i = 0; i < device.queues.size(); ++i) {
        auto const& q = device.queues[i];
        if (q.size != 0)
            line += ", queue " + std::to_string(i) + " of " + std::to_string(q.size) + " taken " +
                    std::to_string(q.taken) + " returned " + std::to_string(q.returned);
    }
    if (!device.fault.empty()) line += ", broken rule: " + device.fault;
    return line + "\n";
}

std::string request_line(fs::TracedRequest const& request) {
    char const* const name = fs::name_of_request(request.opcode);
    char const* const error =
        request.error == 0 ? "done" : ::strerrorname_np(static_cast<int>(request.error));
    return "request " + (name != nullptr ? std::string(name) : std::to_string(request.opcode)) + " of node " +
           std::to_string(request.node) + ": " + (error != nullptr ? error : std::to_string(request.error)) +
           "\n";
}

}  // namespace

std::string machine_evidence(vmm::Machine const& machine, fs::Server const& share) {
    std::string out;
    if (auto const end = machine.end_reason(); end) {
        out += "exit: " + end->text + "\n";
        if (!end->registers.empty()) out += "registers: " + end->registers + "\n";
    }
    for (auto const& device : machine.device_states()) out += device_line(device);
    for (auto const& request : share.last_requests()) out += request_line(request);
    return out.substr(0, kMaxMachineStateBytes);
}

std::string read_machine_evidence(BorrowedFd state_dir) {
    auto const file = open_at(state_dir, kMachineStateName, O_RDONLY | O_NOFOLLOW);
    if (!file.ok()) return {};
    auto text = read_file(file.value().borrow(), kMaxMachineStateBytes);
    return text.ok() ? std::move(text).value() : std::string();
}

}  // namespace krun::runtime
