// SPDX-License-Identifier: Apache-2.0
// krun-oci run: create, start, and unless detached wait for the end and delete.
#include <signal.h>
#include <sys/socket.h>

#include <optional>
#include <tuple>

#include "base/fd.h"
#include "runtime/cli/command_table.h"
#include "runtime/cli/creation_flags.h"
#include "runtime/cli/foreground.h"
#include "runtime/state/end_reason.h"
#include "runtime/state/removal.h"
#include "vmm/reaper.h"

namespace krun::runtime {
namespace {

constexpr int kNoStatus = 255;  // the machine ended without its program's status

Result<void> remove(Globals const& globals, Container const& container) {
    auto const store = TRY(Store::open(globals.root));
    return remove_container(store, container.dir(), container.record());
}

// Starts the container. Its terminal, if it has one and nobody else holds it, comes out of `socket`.
Result<std::optional<TerminalRelay>> begin(Container& container, UniqueFd const& socket) {
    std::optional<TerminalRelay> relay;
    if (container.record().terminal && socket.valid()) relay = TRY(TerminalRelay::receive(socket.borrow()));
    TRY(container.start());
    return relay;
}

Result<Outcome> run_foreground(Globals const& globals, CreateRequest request, bool keep) {
    auto foreground = TRY(Foreground::enter());
    UniqueFd socket;
    if (request.console_socket.empty()) std::tie(socket, request.console) = TRY(make_socketpair(SOCK_STREAM));
    request.caller_stays = true;
    auto container = TRY(create_container(globals, std::move(request)));
    auto begun = begin(container, socket);
    if (!begun.ok()) ignore(container.kill(SIGKILL), "it may have ended by itself");
    Outcome outcome;
    outcome.status =
        TRY(foreground.attend(container, begun.ok() && begun.value() ? &*begun.value() : nullptr));
    vmm::close_vm_elsewhere(container.take_vm());
    if (outcome.status == kNoStatus) outcome.complaint = read_end_reason(container.dir().fd());
    if (!keep || !begun.ok()) TRY(remove(globals, container));
    if (!begun.ok()) return fail(std::move(begun).error());
    return outcome;
}

Result<Outcome> run_detached(Globals const& globals, CreateRequest request) {
    auto container = TRY(create_container(globals, std::move(request)));
    auto started = container.start();
    if (started.ok()) return Outcome{};
    ignore(remove(globals, container), "the error of start says more");
    return fail(std::move(started).error());
}

Result<Outcome> run(Globals const& globals, Options const& options) {
    auto request = TRY(read_create_request(options));
    if (options.on("detach")) return run_detached(globals, std::move(request));
    return run_foreground(globals, std::move(request), options.on("keep"));
}

constexpr Flag kFlags[] = {kBundleFlag,
                           {"detach", 'd', nullptr, "return once the container runs"},
                           {"keep", 0, nullptr, "do not delete the container when it has ended"},
                           kConsoleSocketFlag,
                           kPidFileFlag,
                           kPidfdSocketFlag,
                           kPreserveFdsFlag,
                           kNoPivotFlag,
                           kNoNewKeyringFlag,
                           kNoSubreaperFlag,
                           kHelpFlag};

}  // namespace

constinit Command const kRunCommand = {
    .name = "run",
    .arguments = "ID",
    .summary = "create a container, run it and delete it",
    .min_positionals = 1,
    .max_positionals = 1,
    .positionals = Positionals::kAnywhere,
    .flags = kFlags,
    .run = run,
    .machine_failure_status = kNoStatus,
};

}  // namespace krun::runtime
