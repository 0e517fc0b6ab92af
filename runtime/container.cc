// SPDX-License-Identifier: Apache-2.0
#include "runtime/container.h"

#include <signal.h>

#include "runtime/control.h"
#include "runtime/hooks.h"
#include "runtime/state_json.h"
#include "runtime/store.h"

namespace krun::runtime {

State observe(Record const& record) {
    if (record.phase == name(Phase::kCreating))
        return is_alive(record.creator) ? State::kCreating : State::kStopped;
    if (!is_alive(record.container)) return State::kStopped;
    return record.phase == name(Phase::kStarted) ? State::kRunning : State::kCreated;
}

Result<Container> Container::open(std::string const& root, std::string const& id) {
    auto const store = TRY(Store::open(root));
    auto dir = TRY(store.find(id));
    auto record = TRY(dir.load());
    return Container(std::move(dir), std::move(record));
}

Result<void> Container::start() {
    TRY(apply(Op::kStart, state(), dir_.id()));
    // Of two starts at once the container process lets one through; no lock is held while the guest works.
    TRY(control_request(dir_.fd(), {ControlOp::kStart}));
    TRY(record_start());
    auto hooked =
        run_hooks("poststart", record_.hooks.poststart, state_json(record_, State::kRunning), record_.bundle);
    // runtime-spec runtime.md#lifecycle, step 9: the container must not go on without its hooks.
    if (!hooked.ok()) ignore(kill(SIGKILL), "the hook's error says more");
    return hooked;
}

Result<void> Container::record_start() {
    auto const lock = TRY(dir_.lock());
    record_.phase = name(Phase::kStarted);
    return dir_.save(record_);
}

Result<void> Container::kill(int signal) const {
    TRY(apply(Op::kKill, state(), dir_.id()));
    if (signal != SIGKILL)
        return control_request(dir_.fd(), {ControlOp::kSignal, static_cast<uint32_t>(signal)});
    auto const process = open_process(record_.container);
    if (!process) return fail(Error(Errc::kBadState, refusal(Op::kKill, State::kStopped, dir_.id())));
    return send_signal(process->borrow(), SIGKILL);
}

}  // namespace krun::runtime
