// SPDX-License-Identifier: Apache-2.0
// krun-oci evidence: what is known of a container's machine: why it ended, what its kernel last said, and
// what its devices were doing.
#include <string>

#include "base/strings.h"
#include "runtime/cli/command_table.h"
#include "runtime/state/container.h"
#include "runtime/state/end_reason.h"
#include "runtime/state/kernel_log_file.h"
#include "runtime/state/machine_evidence.h"

namespace krun::runtime {
namespace {

// The guest's bytes, fit for a terminal.
std::string indented(std::string const& log) {
    std::string out;
    for (auto line : split(log, '\n')) {
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (!line.empty()) out += "  " + printable(line) + "\n";
    }
    return out;
}

std::string end_of(Container const& container, State state) {
    if (state != State::kStopped) return "it has not ended";
    return end_of_container(container.dir().fd(), container.record());
}

Result<Outcome> evidence(Globals const& globals, Options const& options) {
    auto const container = TRY(Container::open(globals.root, options.positionals()[0]));
    auto const& record = container.record();
    State const state = container.state();
    auto const log = TRY(kernel_log_of(container.dir().fd(), state));
    std::string out = "container: " + record.id + ", " + name(state) + "\n";
    out += "machine: " + std::to_string(record.vcpus) + " processors, " + std::to_string(record.ram_mib) +
           " MiB\n";
    out += "end: " + end_of(container, state) + "\n";
    out +=
        "guest kernel: " + std::string(log.empty() ? "nothing is kept of what it said" : "its last words") +
        "\n";
    out += indented(log);
    auto const machine = read_machine_evidence(container.dir().fd());
    if (!machine.empty()) out += "machine state: when it ended\n" + indented(machine);
    return Outcome{.output = out};
}

constexpr Flag kFlags[] = {kHelpFlag};

}  // namespace

constinit Command const kEvidenceCommand = {
    .name = "evidence",
    .arguments = "ID",
    .summary = "tell why a machine ended, and what its kernel said",
    .min_positionals = 1,
    .max_positionals = 1,
    .positionals = Positionals::kAnywhere,
    .flags = kFlags,
    .run = evidence,
};

}  // namespace krun::runtime
