// SPDX-License-Identifier: Apache-2.0
// krun-oci events: what a container uses, and that it ran out of memory, one JSON text a line.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/strings.h"
#include "runtime/cli/command_table.h"
#include "runtime/state/container.h"
#include "runtime/state/stats.h"

namespace krun::runtime {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kDefaultInterval = std::chrono::seconds(5);
constexpr milliseconds kLongestInterval = std::chrono::hours(24);
// The guest counts what its kernel kills; nobody calls us.
constexpr milliseconds kLookForOom = std::chrono::seconds(1);
// The guest answers no more from its payload's end on; its container process still hands over output.
constexpr milliseconds kEndAfterPayload = std::chrono::seconds(10);

// Of Go's durations what people write: one number with a unit, "500ms", "5s", "2m", "1h".
std::optional<milliseconds> parse_duration(std::string_view text) {
    constexpr std::pair<std::string_view, int64_t> kUnits[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
    for (auto const& [unit, ms] : kUnits) {
        if (!text.ends_with(unit)) continue;
        auto const number = parse_uint64(text.substr(0, text.size() - unit.size()));
        if (!number) continue;  // "5m" ends with the unit of "5ms", too
        if (*number == 0 || *number > static_cast<uint64_t>(kLongestInterval.count() / ms))
            return std::nullopt;
        return milliseconds(static_cast<int64_t>(*number) * ms);
    }
    return std::nullopt;
}

Result<void> print(std::string const& event) {
    return write_full(BorrowedFd(STDOUT_FILENO), event);
}

// Prints until the container has ended.
Result<void> follow(Container const& container, BorrowedFd process, milliseconds interval) {
    std::string const id = container.record().id;
    uint64_t kills = TRY(count_oom_kills(container));
    for (auto next = Clock::now();;) {
        if (Clock::now() >= next) {
            auto const stats = TRY(collect_stats(container));
            TRY(print(stats_event(id, stats)));
            next += interval;
        }
        auto const now = Clock::now();
        auto const wait =
            std::clamp(std::chrono::ceil<milliseconds>(next - now), milliseconds(0), kLookForOom);
        if (TRY(wait_for_end(process, static_cast<int>(wait.count())))) return {};
        auto const count = TRY(count_oom_kills(container));
        for (; kills < count; ++kills) TRY(print(oom_event(id)));
    }
}

Result<Outcome> events(Globals const& globals, Options const& options) {
    auto const text = options.value("interval");
    auto const interval = text.empty() ? kDefaultInterval : parse_duration(text);
    if (!interval)
        return fail(Error(Errc::kInvalidConfig,
                          "--interval " + quoted(text) + ": must be a time such as 500ms, 5s or 2m"));
    auto const container = TRY(Container::open(globals.root, options.positionals()[0]));
    if (options.on("stats")) {
        auto const stats = TRY(collect_stats(container));
        return Outcome{.output = stats_event(container.record().id, stats)};
    }
    TRY(apply(Op::kStats, container.state(), container.record().id));
    auto const process = open_process(container.record().container);
    if (!process) return Outcome{};
    auto followed = follow(container, process->borrow(), *interval);
    if (followed.ok()) return Outcome{};
    // The end of the container is the end of its events, wherever it met us.
    if (TRY(wait_for_end(process->borrow(), static_cast<int>(kEndAfterPayload.count())))) return Outcome{};
    return fail(std::move(followed).error());
}

constexpr Flag kFlags[] = {{"stats", 0, nullptr, "print once what it uses"},
                           {"interval", 0, "TIME", "how often, if not once (default: 5s)"},
                           kHelpFlag};

}  // namespace

constinit Command const kEventsCommand = {
    .name = "events",
    .arguments = "ID",
    .summary = "print what a container uses, and when it runs out of memory",
    .min_positionals = 1,
    .max_positionals = 1,
    .positionals = Positionals::kAnywhere,
    .flags = kFlags,
    .run = events,
};

}  // namespace krun::runtime
