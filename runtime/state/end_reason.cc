// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/end_reason.h"

#include <fcntl.h>

#include "base/fd.h"
#include "base/strings.h"
#include "runtime/cgroup/cgroup.h"

namespace krun::runtime {
namespace {

constexpr size_t kMaxLineBytes = 256;
constexpr size_t kMaxFileBytes = 4096;

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != text.npos;
}

// "Out of memory: …", "System is deadlocked on memory".
bool is_about_memory(std::string_view words) {
    return contains(words, "ut of memory") || contains(words, "deadlocked on memory");
}

std::string cause(std::optional<vmm::EndReason> const& end, std::string const& words) {
    bool const panicked = contains(words, "Kernel panic");
    if (panicked && is_about_memory(words)) return "the guest's kernel ran out of memory";
    if (panicked) return "the guest's kernel panicked";
    if (!end) return "the machine stopped";
    switch (end->kind) {
        case vmm::EndKind::kShutdown:
            return "the guest reset its machine (" + end->text + ")";
        case vmm::EndKind::kHalt:
            return "the guest halted (" + end->text + ")";
        case vmm::EndKind::kVmmFault:
            return "the virtual machine monitor could not go on (" + end->text + ")";
    }
    return end->text;
}

// How many processes of the container the host has killed for want of memory. 0 without a cgroup to ask.
uint64_t host_oom_kills(Cgroup const& cgroup) {
    for (auto const* file : {"memory.events", "memory.oom_control"}) {
        auto const text = cgroup.read(file);
        if (!text.ok()) continue;
        for (auto const line : split(text.value(), '\n'))
            if (line.starts_with("oom_kill ")) return parse_uint64(line.substr(9)).value_or(0);
    }
    return 0;
}

}  // namespace

std::string machine_end_reason(std::optional<vmm::EndReason> const& end, std::string_view console,
                               std::string const& words) {
    std::string reason = cause(end, words);
    if (!words.empty()) reason += "; its last words: " + words;
    auto const killed = guest_oom_kill(console);
    if (!killed.empty() && !is_about_memory(words)) reason += "; before that: " + killed;
    return reason;
}

std::string guest_oom_kill(std::string_view console) {
    auto const found = console.rfind("ut of memory: Killed process");  // the system's, or a memory cgroup's
    if (found == console.npos) return {};
    auto const newline = console.rfind('\n', found);
    auto const line = console.substr(newline == console.npos ? 0 : newline + 1);
    return printable(line.substr(0, std::min(line.find_first_of("\r\n"), kMaxLineBytes)));
}

std::string read_end_reason(BorrowedFd state_dir) {
    auto file = open_at(state_dir, kEndReasonName, O_RDONLY | O_NOFOLLOW);
    if (!file.ok()) return {};
    auto text = read_file(file.value().borrow(), kMaxEndReasonBytes);
    return text.ok() ? std::move(text).value() : std::string{};
}

std::string end_of_container(BorrowedFd state_dir, Record const& record) {
    auto const reason = read_end_reason(state_dir);
    if (!reason.empty()) return printable(reason);
    auto const file = open_at(state_dir, kExitStatusName, O_RDONLY | O_NOFOLLOW);
    if (file.ok())
        if (auto const text = read_file(file.value().borrow(), kMaxFileBytes); text.ok())
            return "its program ended with status " + printable(text.value());
    if (record.vcpus == 0)
        return "it ended, or it was killed";  // a process without a machine keeps no account
    uint64_t const kills = host_oom_kills(Cgroup(record.cgroups));
    if (kills > 0)
        return "the host killed it for want of memory (oom_kill " + std::to_string(kills) + " in its cgroup)";
    return "its container process was killed from outside";
}

}  // namespace krun::runtime
