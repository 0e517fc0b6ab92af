// SPDX-License-Identifier: Apache-2.0
// krun-oci run: create, start, and unless detached wait for the end and delete.
#include <signal.h>

#include "runtime/command_table.h"
#include "runtime/control.h"
#include "runtime/creation_flags.h"
#include "runtime/foreground.h"
#include "runtime/removal.h"

namespace krun::runtime {
namespace {

constexpr int kNoStatus = 255;  // the machine ended without its program's status

Result<void> remove(Globals const& globals, Container const& container) {
    auto const store = TRY(Store::open(globals.root));
    return remove_container(store, container.dir(), container.record());
}

Result<Outcome> run_foreground(Globals const& globals, CreateRequest const& request, bool keep) {
    auto foreground = TRY(Foreground::enter());
    auto container = TRY(create_container(globals, request));
    auto const started = container.start();
    if (!started.ok()) ignore(container.kill(SIGKILL), "it may have ended by itself");
    Outcome outcome;
    outcome.status = TRY(foreground.attend(container));
    if (outcome.status == kNoStatus) outcome.complaint = read_end_reason(container.dir().fd());
    if (!keep || !started.ok()) TRY(remove(globals, container));
    if (!started.ok()) return fail(Error(started.error().code(), started.error().message()));
    return outcome;
}

Result<Outcome> run_detached(Globals const& globals, CreateRequest const& request) {
    auto container = TRY(create_container(globals, request));
    auto started = container.start();
    if (started.ok()) return Outcome{};
    ignore(remove(globals, container), "the error of start says more");
    return fail(std::move(started).error());
}

Result<Outcome> run(Globals const& globals, Options const& options) {
    auto request = TRY(read_create_request(options));
    bool const detach = options.on("detach");
    request.attachment = detach ? Attachment::kDetached : Attachment::kForeground;
    return detach ? run_detached(globals, request) : run_foreground(globals, request, options.on("keep"));
}

constexpr Flag kFlags[] = {kBundleFlag,
                           {"detach", 'd', nullptr, "return once the container runs"},
                           {"keep", 0, nullptr, "do not delete the container when it has ended"},
                           kConsoleSocketFlag,
                           kPidFileFlag,
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
};

}  // namespace krun::runtime
