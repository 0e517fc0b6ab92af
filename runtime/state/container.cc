// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/container.h"

#include <signal.h>

#include "oci/load.h"
#include "runtime/cgroup/freezer.h"
#include "runtime/control/control.h"
#include "runtime/network/setup.h"
#include "runtime/state/hooks.h"
#include "runtime/state/state_json.h"
#include "runtime/state/store.h"

namespace krun::runtime {

State observe(Record const& record) {
    if (record.phase == name(Phase::kCreating))
        return is_alive(record.creator) ? State::kCreating : State::kStopped;
    if (!is_alive(record.container)) return State::kStopped;
    if (is_frozen(Cgroup(record.cgroups))) return State::kPaused;
    return record.phase == name(Phase::kStarted) ? State::kRunning : State::kCreated;
}

Result<Container> Container::open(std::string const& root, std::string const& id) {
    auto const store = TRY(Store::open(root));
    auto dir = TRY(store.find(id));
    auto record = TRY(dir.load());
    bool const creating = observe(record) == State::kCreating;
    // A creator that has ended by now may have finished: then it saved its last word after we read.
    if (!creating && record.phase == name(Phase::kCreating)) record = TRY(dir.load());
    Container container(std::move(dir), std::move(record));
    container.creating_ = creating;
    return container;
}

Result<void> Container::start() {
    TRY(apply(Op::kStart, state(), dir_.id()));
    // Of two starts at once the container process lets one through; no lock is held while the guest works.
    auto started = ask_to_start();
    if (!started.ok()) return not_started(std::move(started).error());
    if (auto recorded = record_start(); !recorded.ok()) {
        // Who is told that it was not started must not find it running.
        ignore(kill(SIGKILL), "the record's error says more");
        return recorded;
    }
    auto hooked =
        run_hooks("poststart", record_.hooks.poststart, state_json(record_, State::kRunning), record_.bundle);
    // runtime-spec runtime.md#lifecycle, step 9: the container must not go on without its hooks.
    if (!hooked.ok()) ignore(kill(SIGKILL), "the hook's error says more");
    return hooked;
}

// The lock is for two starts at once: the one that has the network is the one that asks first.
Result<void> Container::ask_to_start() const {
    UniqueFd connection;
    {
        auto const lock = TRY(dir_.lock());
        ControlRequest request{ControlOp::kStart};
        // A pod's sandbox has no machine.
        if (record_.vcpus != 0) {
            auto const config = TRY(spec());
            request.fds =
                TRY(take_over_network(record_.container.pid, config, Cgroup(record_.cgroups), record_.vcpus));
        }
        connection = TRY(send_control_request(dir_.fd(), request));
    }
    TRY(await_answer(connection.borrow()));
    return {};
}

// A container process that refuses runs the payload already, by a start that has not recorded that yet, or
// never will because it was killed.
Result<void> Container::not_started(Error error) {
    if (error.code() != Errc::kBadState) return fail(std::move(error));
    TRY(record_start());
    TRY(apply(Op::kStart, State::kRunning, dir_.id()));
    return {};
}

Result<void> Container::record_start() {
    auto const lock = TRY(dir_.lock());
    record_.phase = name(Phase::kStarted);
    return dir_.save(record_);
}

Result<void> Container::kill(int signal, Target target) const {
    State const now = state();
    TRY(apply(Op::kKill, now, dir_.id()));
    // A paused machine answers nothing: what is sent to its process waits there, but for SIGKILL.
    if (signal != SIGKILL && now != State::kPaused) {
        auto const op = target == Target::kAll ? ControlOp::kSignalAll : ControlOp::kSignal;
        return control_request(dir_.fd(), {op, static_cast<uint32_t>(signal)});
    }
    auto const process = open_process(record_.container);
    if (!process) return fail(Error(Errc::kBadState, refusal(Op::kKill, State::kStopped, dir_.id())));
    // It could not be taken back: once stopped, the machine answers nobody.
    if (signal == SIGSTOP)
        return fail(Error(Errc::kBadState, "cannot stop a paused container; resume it first"));
    TRY(send_signal(process->borrow(), signal));
    // Those that stand for executed processes are in the cgroup too, and have an end to tell.
    if (signal == SIGKILL && now == State::kPaused) ignore(thaw(Cgroup(record_.cgroups)), "delete ends them");
    return {};
}

Result<void> Container::pause() const {
    TRY(apply(Op::kPause, state(), dir_.id()));
    return freeze(Cgroup(record_.cgroups));
}

Result<void> Container::resume() const {
    TRY(apply(Op::kResume, state(), dir_.id()));
    return thaw(Cgroup(record_.cgroups));
}

Result<oci::Spec> Container::spec() const {
    return oci::load_bundle(dir_.fd());
}

}  // namespace krun::runtime
