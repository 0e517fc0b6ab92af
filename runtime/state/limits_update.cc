// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/limits_update.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/scope_exit.h"
#include "base/strings.h"
#include "config-gen/guest_cgroup.h"
#include "config-gen/machine_size.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/systemd_request.h"
#include "runtime/cgroup/unit_properties.h"
#include "runtime/state/payload_cgroup.h"

namespace krun::runtime {
namespace {

// Its kernel reports what is free some two seconds later.
constexpr std::chrono::seconds kGiveBackLimit{10};

Error too_large(char const* limit, std::string const& has, Where where = Where::current()) {
    return Error(Errc::kUnsupported,
                 std::string(limit) + ": the machine has " + has + " and cannot get more while it runs", 0,
                 where);
}

Result<void> check_memory(Record const& record, oci::Resources const& wanted) {
    if (!wanted.memory || wanted.memory->limit.value_or(0) <= 0) return {};
    uint64_t const has = uint64_t{record.ram_mib} << 20;
    if (static_cast<uint64_t>(*wanted.memory->limit) <= has) return {};
    return fail(too_large("memory.limit", std::to_string(record.ram_mib) + " MiB"));
}

// A cpuset is no promise of that many processors, but of no others.
Result<void> check_cpus(Record const& record, oci::Resources const& wanted) {
    if (!wanted.cpu) return {};
    auto const cpus = cpus_of_quota(*wanted.cpu);
    if (!cpus || *cpus <= record.vcpus) return {};
    return fail(too_large("cpu.quota",
                          std::to_string(record.vcpus) + (record.vcpus == 1 ? " processor" : " processors")));
}

// The files of one cgroup, wherever it is.
struct Place {
    std::function<Result<std::string>(std::string const& file)> read;
    std::function<Result<void>(std::string const& file, std::string const& value)> write;
};

Place host_place(Cgroup const& cgroup) {
    return {.read = [&cgroup](std::string const& file) { return cgroup.read(file); },
            .write = [&cgroup](std::string const& file,
                               std::string const& value) { return cgroup.write(file, value); }};
}

Place guest_place(BorrowedFd state_dir) {
    return {.read = [state_dir](std::string const& file) { return read_payload_cgroup(state_dir, file); },
            .write = [state_dir](
                         std::string const& file,
                         std::string const& value) { return write_payload_cgroup(state_dir, file, value); }};
}

// Writes that can be taken back, the last first.
class Changes {
public:
    Result<void> make(Place const& place, std::string const& file, std::string const& value) {
        auto old = TRY(place.read(file));
        if (old.ends_with('\n')) old.pop_back();
        TRY(place.write(file, value));
        made_.push_back({&place, file, std::move(old)});
        return {};
    }
    void take_back() const {
        for (auto change = made_.rbegin(); change != made_.rend(); ++change)
            ignore(change->place->write(change->file, change->old), "the error that led here says more");
    }

private:
    struct Change {
        Place const* place;
        std::string file;
        std::string old;
    };
    std::vector<Change> made_;
};

// Of two limits that bound each other, as quota and period or cgroup v1's memory.limit_in_bytes and
// memory.memsw.limit_in_bytes, one has to be first: which, depends on those that hold.
Result<void> change_host(Cgroup const& cgroup, Place const& host, oci::Resources const& wanted,
                         Changes& changes) {
    std::vector<CgroupSetting> refused;
    if (cgroup.is_none()) return {};
    for (auto const& [file, value] : cgroup.version().settings(wanted)) {
        auto made = changes.make(host, file, value);
        if (made.ok()) continue;
        if (made.error().sys_errno() != EINVAL) return made;
        refused.push_back({file, value});
    }
    for (auto const& [file, value] : refused) TRY(changes.make(host, file, value));
    return {};
}

// The spec counts memory plus swap, cgroup v2 swap alone: without a new limit the one that holds is
// subtracted. Where the host has one it is asked: what the guest says must not become a limit of the host's.
Result<void> complete_swap(Cgroup const& cgroup, Place const& guest, oci::Resources& wanted) {
    if (!wanted.memory || wanted.memory->swap.value_or(0) <= 0 || wanted.memory->limit.value_or(0) != 0)
        return {};
    auto const& memory = cgroup.version().memory;
    bool const has_host = !cgroup.is_none();
    auto const text = TRY(has_host ? cgroup.read(memory.limit) : guest.read("memory.max"));
    auto const limit = parse_int64(split(text, '\n').front());
    if (!limit || static_cast<uint64_t>(*limit) >= memory.unlimited) return {};
    wanted.memory->limit = has_host ? *limit - kProcessOverheadBytes : *limit;
    return {};
}

// runtime-spec config-linux.md#memory, checkBeforeUpdate: the kernel would kill what is above it.
Result<void> check_usage(Place const& guest, oci::Resources const& wanted) {
    if (!wanted.memory || !wanted.memory->check_before_update.value_or(false)) return {};
    int64_t const limit = wanted.memory->limit.value_or(0);
    auto const text = TRY(guest.read("memory.current"));
    auto const used = parse_int64(split(text, '\n').front()).value_or(0);
    if (limit <= 0 || used <= limit) return {};
    return fail(Error(Errc::kBadState, "memory.limit: must not be below what is used, " +
                                           std::to_string(used) + " bytes, is " + std::to_string(limit)));
}

// systemd writes its own values again when it reloads.
Result<void> update_unit(Record const& record, oci::Resources const& wanted) {
    auto const properties = scope_limits(wanted);
    if (record.systemd_unit.empty() || properties.empty()) return {};
    return set_unit_properties(record.systemd_unit, properties);
}

// What the container's cgroup on the host has and cannot do without; 0 where it does not say.
uint64_t held_on_host(Cgroup const& cgroup) {
    auto const& memory = cgroup.version().memory;
    auto const usage = cgroup.read(memory.usage);
    auto const stat = cgroup.read("memory.stat");
    if (!usage.ok() || !stat.ok()) return 0;
    std::string const cache = std::string(memory.cache) + " ";
    uint64_t sum = parse_uint64(split(usage.value(), '\n').front()).value_or(0);
    for (auto const line : split(stat.value(), '\n'))
        if (line.starts_with(cache))
            sum -= std::min(sum, parse_uint64(line.substr(cache.size())).value_or(0));
    return sum;
}

// The host's kernel would kill the machine for what its guest has not given back yet (vmm/device/balloon.h).
Result<void> wait_for_memory(Cgroup const& cgroup, oci::Resources const& wanted) {
    if (cgroup.is_none() || !wanted.memory || wanted.memory->limit.value_or(0) <= 0) return {};
    auto const limit = static_cast<uint64_t>(*wanted.memory->limit) + kProcessOverheadBytes;
    auto const end = std::chrono::steady_clock::now() + kGiveBackLimit;
    uint64_t held = held_on_host(cgroup);
    for (; held > limit && std::chrono::steady_clock::now() < end; held = held_on_host(cgroup))
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (held <= limit) return {};
    return fail(
        Error(Errc::kBadState, "memory.limit: the guest has not given back what it has of the host's, " +
                                   std::to_string(held) + " bytes, and may have " + std::to_string(limit)));
}

Result<void> change_guest(Place const& guest, oci::Resources const& wanted, Changes& changes) {
    for (auto const& [file, value] : guest_cgroup(wanted)) TRY(changes.make(guest, file, value));
    return {};
}

}  // namespace

Result<void> update_limits(Container const& container, oci::Resources wanted) {
    auto const& record = container.record();
    TRY(apply(Op::kUpdate, container.state(), record.id));
    TRY(check_memory(record, wanted));
    TRY(check_cpus(record, wanted));
    Cgroup const cgroup(record.cgroups);
    auto const host = host_place(cgroup);
    auto const guest = guest_place(container.dir().fd());
    TRY(check_usage(guest, wanted));
    TRY(complete_swap(cgroup, guest, wanted));
    Changes changes;
    ScopeExit undo([&] { changes.take_back(); });
    TRY(change_guest(guest, wanted, changes));
    TRY(wait_for_memory(cgroup, wanted));
    TRY(change_host(cgroup, host, wanted, changes));
    TRY(update_unit(record, wanted));
    undo.dismiss();
    return {};
}

}  // namespace krun::runtime
