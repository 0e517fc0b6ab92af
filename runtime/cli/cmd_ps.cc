// SPDX-License-Identifier: Apache-2.0
// krun-oci ps: the host's processes of a container: the container process, and those that stand for detached
// executed ones. What runs inside is the guest's.
#include "base/strings.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cli/command_table.h"
#include "runtime/state/container.h"

namespace krun::runtime {
namespace {

// Without a cgroup of the container's own only one is known.
std::vector<pid_t> processes_of(Record const& record) {
    std::vector<pid_t> out{record.container.pid};
    for (pid_t const pid : Cgroup(record.cgroups).members())
        if (pid != record.container.pid && !is_kernel_thread(pid)) out.push_back(pid);
    return out;
}

Result<Outcome> ps(Globals const& globals, Options const& options) {
    std::string const format = options.value("format");
    if (format != "" && format != "table" && format != "json")
        return fail(Error(Errc::kInvalidConfig, "--format " + quoted(format) + ": must be table or json"));
    auto const container = TRY(Container::open(globals.root, options.positionals()[0]));
    State const state = container.state();
    if (state != State::kCreated && state != State::kRunning && state != State::kPaused)
        return fail(Error(Errc::kBadState, "container not running"));
    bool const json = format == "json";
    std::string out = json ? "[" : "PID\n";
    for (pid_t const pid : processes_of(container.record())) {
        if (json && out.size() > 1) out += ",";
        out += std::to_string(pid) + (json ? "" : "\n");
    }
    return Outcome{.output = json ? out + "]\n" : out};
}

constexpr Flag kFlags[] = {{"format", 'f', "table|json", "how to print"}, kHelpFlag};

}  // namespace

constinit Command const kPsCommand = {
    .name = "ps",
    .arguments = "ID [PS OPTIONS]",
    .summary = "list a container's processes on the host",
    .min_positionals = 1,
    .max_positionals = 64,  // options of ps(1) may follow; there is nothing they could change
    .positionals = Positionals::kStopAtFirst,
    .flags = kFlags,
    .run = ps,
};

}  // namespace krun::runtime
