// SPDX-License-Identifier: Apache-2.0
// krun-oci state: what a container is doing, as JSON. Never waits: engines poll it.
#include "runtime/cli/command_table.h"
#include "runtime/state/container.h"
#include "runtime/state/end_reason.h"
#include "runtime/state/state_json.h"

namespace krun::runtime {
namespace {

Result<Outcome> state(Globals const& globals, Options const& options) {
    auto const container = TRY(Container::open(globals.root, options.positionals()[0]));
    auto const now = container.state();
    auto record = container.record();
    // Annotations are the one place for it that the specification's state has (runtime.md#state).
    if (auto reason = read_end_reason(container.dir().fd()); now == State::kStopped && !reason.empty())
        record.annotations[kEndReasonAnnotation] = std::move(reason);
    JsonWriter writer(JsonWriter::Style::kIndented);
    write_state(writer, record, now);
    return Outcome{.output = std::move(writer).take() + "\n"};
}

constexpr Flag kFlags[] = {kHelpFlag};

}  // namespace

constinit Command const kStateCommand = {
    .name = "state",
    .arguments = "ID",
    .summary = "print a container's state as JSON",
    .min_positionals = 1,
    .max_positionals = 1,
    .positionals = Positionals::kAnywhere,
    .flags = kFlags,
    .run = state,
};

}  // namespace krun::runtime
