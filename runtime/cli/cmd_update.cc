// SPDX-License-Identifier: Apache-2.0
// krun-oci update: new limits for a container that runs.
#include <unistd.h>

#include <array>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/strings.h"
#include "oci/load.h"
#include "oci/validate.h"
#include "runtime/cli/command_table.h"
#include "runtime/state/limits_update.h"

namespace krun::runtime {
namespace {

using oci::Resources;

oci::MemoryLimits& memory(Resources& out) {
    return out.memory ? *out.memory : out.memory.emplace();
}
oci::CpuLimits& cpu(Resources& out) {
    return out.cpu ? *out.cpu : out.cpu.emplace();
}

// Bytes, or with one of the units b, k, m, g, t of 1024 each; -1 is unlimited.
std::optional<int64_t> parse_size(std::string_view text) {
    constexpr std::string_view kUnits = "bkmgt";
    if (text == "-1") return -1;
    if (text.empty()) return std::nullopt;
    auto const unit = kUnits.find(static_cast<char>(std::tolower(static_cast<unsigned char>(text.back()))));
    if (unit != kUnits.npos) text.remove_suffix(1);
    auto const number = parse_uint64(text);
    auto const shift = unit == kUnits.npos ? 0 : 10 * unit;
    if (!number || *number > (uint64_t{INT64_MAX} >> shift)) return std::nullopt;
    return static_cast<int64_t>(*number << shift);
}

template <class T>
bool put(std::optional<T> value, std::optional<T>& out) {
    out = value;
    return value.has_value();
}

// A flag and what it sets; `set` says whether the text is one of `expected`. nullptr: there is no such limit
// here, `expected` says why.
struct LimitFlag {
    Flag flag;
    char const* expected;
    bool (*set)(std::string const& text, Resources& out);
};

constexpr char kSize[] = "a size in bytes, with k, m or g behind it if wanted, or -1";
constexpr char kNumber[] = "a number";
constexpr char kSigned[] = "a number, or -1";
constexpr char kList[] = "a list such as 0-3,7";
constexpr char kOnlyV1[] = "the guest's cgroup v2 has no such limit";
constexpr char kNoRdt[] = "intelRdt is not supported";

constexpr LimitFlag kLimits[] = {
    {{"memory", 0, "SIZE", "most memory"},
     kSize,
     [](std::string const& text, Resources& out) { return put(parse_size(text), memory(out).limit); }},
    {{"memory-swap", 0, "SIZE", "most memory and swap together"},
     kSize,
     [](std::string const& text, Resources& out) { return put(parse_size(text), memory(out).swap); }},
    {{"memory-reservation", 0, "SIZE", "memory that is not reclaimed from it"},
     kSize,
     [](std::string const& text, Resources& out) { return put(parse_size(text), memory(out).reservation); }},
    {{"cpu-period", 0, "US", "length of a period"},
     kNumber,
     [](std::string const& text, Resources& out) { return put(parse_uint64(text), cpu(out).period); }},
    {{"cpu-quota", 0, "US", "processor time in a period"},
     kSigned,
     [](std::string const& text, Resources& out) { return put(parse_int64(text), cpu(out).quota); }},
    {{"cpu-burst", 0, "US", "unused processor time that is kept for later"},
     kNumber,
     [](std::string const& text, Resources& out) { return put(parse_uint64(text), cpu(out).burst); }},
    {{"cpu-share", 0, "N", "weight against others"},
     kNumber,
     [](std::string const& text, Resources& out) { return put(parse_uint64(text), cpu(out).shares); }},
    {{"cpu-idle", 0, "0|1", "whether it runs only when nobody else does"},
     kNumber,
     [](std::string const& text, Resources& out) { return put(parse_int64(text), cpu(out).idle); }},
    {{"cpuset-cpus", 0, "LIST", "processors of the host that the machine may use"},
     kList,
     [](std::string const& text, Resources& out) { return !(cpu(out).cpus = text).empty(); }},
    {{"cpuset-mems", 0, "LIST", "memory nodes of the host that it may use"},
     kList,
     [](std::string const& text, Resources& out) { return !(cpu(out).mems = text).empty(); }},
    {{"pids-limit", 0, "N", "most processes in the machine"},
     kSigned,
     [](std::string const& text, Resources& out) {
         auto const limit = parse_int64(text);
         if (limit) out.pids = oci::PidsLimit{*limit};
         return limit.has_value();
     }},
    {{"blkio-weight", 0, "N", "weight of input and output against others"},
     "a number from 10 to 1000",
     [](std::string const& text, Resources& out) {
         auto const weight = parse_uint64(text);
         if (!weight || *weight > UINT16_MAX) return false;
         if (!out.block_io) out.block_io.emplace();
         out.block_io->weight = static_cast<uint16_t>(*weight);
         return true;
     }},
    {{"cpu-rt-period", 0, "US", "an error: there is no such limit"}, kOnlyV1, nullptr},
    {{"cpu-rt-runtime", 0, "US", "an error: there is no such limit"}, kOnlyV1, nullptr},
    {{"kernel-memory", 0, "SIZE", "an error: there is no such limit"}, kOnlyV1, nullptr},
    {{"kernel-memory-tcp", 0, "SIZE", "an error: there is no such limit"}, kOnlyV1, nullptr},
    {{"l3-cache-schema", 0, "TEXT", "an error: there is no such limit"}, kNoRdt, nullptr},
    {{"mem-bw-schema", 0, "TEXT", "an error: there is no such limit"}, kNoRdt, nullptr},
};

// Returns whether there was any. kInvalidConfig names the flag; kUnsupported is for limits that no machine
// has.
Result<bool> read_limits(Options const& options, Resources& out) {
    bool any = false;
    for (auto const& limit : kLimits) {
        if (!options.given(limit.flag.name)) continue;
        any = true;
        std::string const name = std::string("--") + limit.flag.name;
        if (limit.set == nullptr) return fail(Error(Errc::kUnsupported, name + ": " + limit.expected));
        auto const text = options.value(limit.flag.name);
        if (!limit.set(text, out))
            return fail(
                Error(Errc::kInvalidConfig, name + " " + quoted(text) + ": must be " + limit.expected));
    }
    return any;
}

Result<Resources> read_resources(std::string const& path) {
    std::string const name = path == "-" ? "standard input" : path;
    auto const text = TRY_WITH(path == "-" ? read_file(BorrowedFd(STDIN_FILENO), oci::kMaxConfigBytes)
                                           : read_file(path, oci::kMaxConfigBytes),
                               "--resources");
    return TRY_WITH(oci::parse_resources(text), name);
}

Result<Outcome> update(Globals const& globals, Options const& options) {
    auto const container = TRY(Container::open(globals.root, options.positionals()[0]));
    Resources wanted;
    if (options.given("resources")) wanted = TRY(read_resources(options.value("resources")));
    bool const by_flag = TRY(read_limits(options, wanted));
    if (!by_flag && !options.given("resources"))
        return fail(Error(Errc::kInvalidConfig, "update needs --resources or a limit"));
    if (by_flag) TRY_WITH(oci::validate_resources(wanted, ""), "update");
    TRY(update_limits(container, std::move(wanted)));
    return Outcome{};
}

constexpr auto kFlags = [] {
    std::array<Flag, std::size(kLimits) + 2> out{};
    out[0] = {"resources", 'r', "FILE", "all limits as linux.resources has them; - is standard input"};
    for (size_t i = 0; i < std::size(kLimits); ++i) out[i + 1] = kLimits[i].flag;
    out.back() = kHelpFlag;
    return out;
}();

}  // namespace

constinit Command const kUpdateCommand = {
    .name = "update",
    .arguments = "ID",
    .summary = "change the limits of a container that runs",
    .min_positionals = 1,
    .max_positionals = 1,
    .positionals = Positionals::kAnywhere,
    .flags = kFlags,
    .run = update,
};

}  // namespace krun::runtime
