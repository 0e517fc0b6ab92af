// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/stats.h"

#include <cerrno>
#include <functional>

#include "base/json_writer.h"
#include "base/strings.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/state/payload_cgroup.h"

namespace krun::runtime {
namespace {

constexpr uint64_t kNsPerUs = 1000;

// The files of one cgroup. One that does not exist is empty: kernels differ in what they count.
using Reader = std::function<Result<std::string>(std::string const& file)>;

Reader payload_reader(BorrowedFd state_dir) {
    return [state_dir](std::string const& file) -> Result<std::string> {
        auto text = read_payload_cgroup(state_dir, file);
        if (!text.ok() && text.error().code() == Errc::kSystem) return std::string();
        return text;
    };
}

Reader machine_reader(Cgroup const& cgroup) {
    return [cgroup](std::string const& file) -> Result<std::string> {
        auto text = cgroup.read(file);
        if (!text.ok()) return std::string();
        return text;
    };
}

// "max" and what is no number are `otherwise`.
Result<uint64_t> read_number(Reader const& read, std::string const& file, uint64_t otherwise) {
    auto const text = TRY(read(file));
    return parse_uint64(split(text, '\n').front()).value_or(otherwise);
}

Result<Stats::Counters> read_file_counters(Reader const& read, std::string const& file) {
    auto const text = TRY(read(file));
    return read_counters(text);
}

Result<Stats::Memory> read_memory(Reader const& read, std::string const& prefix) {
    Stats::Memory out;
    out.usage = TRY(read_number(read, prefix + ".current", 0));
    out.peak = TRY(read_number(read, prefix + ".peak", 0));
    out.limit = TRY(read_number(read, prefix + ".max", Stats::kUnlimited));
    return out;
}

uint64_t counter(Stats::Counters const& counters, std::string const& name) {
    auto const found = counters.find(name);
    return found == counters.end() ? 0 : found->second;
}

Result<Stats::Memory> read_machine_memory(Reader const& read, CgroupVersion const& version) {
    auto const& files = version.memory;
    Stats::Memory out;
    out.usage = TRY(read_number(read, files.usage, 0));
    out.peak = TRY(read_number(read, files.peak, 0));
    out.limit = TRY(read_number(read, files.limit, Stats::kUnlimited));
    if (out.limit >= files.unlimited) out.limit = Stats::kUnlimited;
    return out;
}

Result<Stats::Counters> read_machine_cpu(Reader const& read, CgroupVersion const& version) {
    Stats::Counters out;
    for (auto const& [name, file, field, divisor] : version.cpu) {
        auto const value = field == nullptr ? TRY(read_number(read, file, 0))
                                            : counter(TRY(read_file_counters(read, file)), field);
                                            out[name] = value / divisor;
    }
    return out;
}

void write_memory(JsonWriter& json, std::string_view name, Stats::Memory const& memory, uint64_t failures) {
    json.key(name).begin_object();
    json.key("limit").unsigned_integer(memory.limit);
    json.key("usage").unsigned_integer(memory.usage);
    json.key("max").unsigned_integer(memory.peak);
    json.key("failcnt").unsigned_integer(failures);
    json.end_object();
}

void write_cpu(JsonWriter& json, Stats::Counters const& cpu) {
    auto const ns = [&](char const* name) { return counter(cpu, name) * kNsPerUs; };
    json.key("cpu").begin_object();
    json.key("usage").begin_object();
    json.key("total").unsigned_integer(ns("usage_usec"));
    json.key("kernel").unsigned_integer(ns("system_usec"));
    json.key("user").unsigned_integer(ns("user_usec"));
    json.end_object();
    json.key("throttling").begin_object();
    json.key("periods").unsigned_integer(counter(cpu, "nr_periods"));
    json.key("throttledPeriods").unsigned_integer(counter(cpu, "nr_throttled"));
    json.key("throttledTime").unsigned_integer(ns("throttled_usec"));
    json.end_object().end_object();
}

void write_payload_memory(JsonWriter& json, Stats const& stats) {
    json.key("memory").begin_object();
    json.key("cache").unsigned_integer(counter(stats.memory_stat, "file"));
    write_memory(json, "usage", stats.memory, counter(stats.memory_events, "max"));
    write_memory(json, "swap", stats.swap, 0);
    json.key("raw").begin_object();
    for (auto const& [name, value] : stats.memory_stat) json.key(name).unsigned_integer(value);
    json.end_object().end_object();
}

void write_machine(JsonWriter& json, Stats const& stats) {
    json.key("machine").begin_object();
    write_cpu(json, stats.machine_cpu);
    json.key("memory").begin_object();
    write_memory(json, "usage", stats.machine_memory, 0);
    json.end_object().end_object();
}

JsonWriter begin_event(char const* type, std::string const& id) {
    JsonWriter json;
    json.begin_object().key("type").string(type).key("id").string(id);
    return json;
}

}  // namespace

Stats::Counters read_counters(std::string_view text) {
    Stats::Counters out;
    for (auto const line : split(text, '\n')) {
        auto const space = line.find(' ');
        if (space == line.npos || !is_utf8(line)) continue;
        if (auto const value = parse_uint64(line.substr(space + 1)))
            out.emplace(line.substr(0, space), *value);
    }
    return out;
}

Result<uint64_t> count_oom_kills(Container const& container) {
    auto const events = TRY(read_file_counters(payload_reader(container.dir().fd()), "memory.events"));
    return counter(events, "oom_kill");
}

Result<Stats> collect_stats(Container const& container) {
    TRY(apply(Op::kStats, container.state(), container.record().id));
    auto const payload = payload_reader(container.dir().fd());
    Cgroup const cgroup(container.record().cgroups);
    auto const machine = machine_reader(cgroup);
    Stats out;
    out.cpu = TRY(read_file_counters(payload, "cpu.stat"));
    out.memory = TRY(read_memory(payload, "memory"));
    out.swap = TRY(read_memory(payload, "memory.swap"));
    out.memory_stat = TRY(read_file_counters(payload, "memory.stat"));
    out.memory_events = TRY(read_file_counters(payload, "memory.events"));
    out.pids = TRY(read_number(payload, "pids.current", 0));
    out.pids_limit = TRY(read_number(payload, "pids.max", Stats::kUnlimited));
    out.machine_cpu = TRY(read_machine_cpu(machine, cgroup.version()));
    out.machine_memory = TRY(read_machine_memory(machine, cgroup.version()));
    return out;
}

std::string stats_event(std::string const& id, Stats const& stats) {
    auto json = begin_event("stats", id);
    json.key("data").begin_object();
    write_cpu(json, stats.cpu);
    write_payload_memory(json, stats);
    json.key("pids").begin_object();
    json.key("current").unsigned_integer(stats.pids);
    if (stats.pids_limit != Stats::kUnlimited) json.key("limit").unsigned_integer(stats.pids_limit);
    json.end_object();
    // What the host's devices count is the machine's, not the payload's.
    json.key("blkio").begin_object().end_object();
    json.key("hugetlb").begin_object().end_object();
    write_machine(json, stats);
    json.end_object().end_object();
    return std::move(json).take() + "\n";
}

std::string oom_event(std::string const& id) {
    auto json = begin_event("oom", id);
    json.end_object();
    return std::move(json).take() + "\n";
}

}  // namespace krun::runtime
