// SPDX-License-Identifier: Apache-2.0
// Which operation fits which container state (runtime-spec runtime.md#operations), as data.
#pragma once
#include <algorithm>
#include <iterator>
#include <string>

#include "base/error.h"

namespace krun::runtime {

// runtime-spec runtime.md#state
enum class State { kCreating, kCreated, kRunning, kPaused, kStopped };
enum class Op { kStart, kKill, kDelete, kExec, kPause, kResume, kUpdate, kStats };

constexpr State kStates[] = {State::kCreating, State::kCreated, State::kRunning, State::kPaused,
                             State::kStopped};
constexpr Op kOps[] = {Op::kStart, Op::kKill,   Op::kDelete, Op::kExec,
                       Op::kPause, Op::kResume, Op::kUpdate, Op::kStats};

struct Transition {
    Op op;
    State from;
    State to;
};

constexpr Transition kTransitions[] = {
    {Op::kStart, State::kCreated, State::kRunning},
    {Op::kKill, State::kCreated, State::kCreated},  // kill only signals; the end is seen by looking
    {Op::kKill, State::kRunning, State::kRunning},
    {Op::kKill, State::kPaused, State::kPaused},
    {Op::kDelete, State::kCreated, State::kStopped},  // the specification lacks this one; engines rely on it
    {Op::kDelete, State::kStopped, State::kStopped},
    {Op::kExec, State::kCreated, State::kCreated},
    {Op::kExec, State::kRunning, State::kRunning},
    {Op::kPause, State::kCreated, State::kPaused},
    {Op::kPause, State::kRunning, State::kPaused},
    {Op::kResume, State::kPaused, State::kRunning},
    {Op::kUpdate, State::kCreated, State::kCreated},  // not when paused: the guest's limits could not be set
    {Op::kUpdate, State::kRunning, State::kRunning},
    {Op::kStats, State::kCreated, State::kCreated},
    {Op::kStats, State::kRunning, State::kRunning},
};

// As `state` prints it.
constexpr char const* name(State s) {
    constexpr char const* kNames[] = {"creating", "created", "running", "paused", "stopped"};
    return kNames[static_cast<size_t>(s)];
}
constexpr char const* name(Op o) {
    constexpr char const* kNames[] = {"start", "kill",   "delete", "exec",
                                      "pause", "resume", "update", "stats"};
    return kNames[static_cast<size_t>(o)];
}

// Why `op` does not fit `from`, in the words that engines look for (containerd and CRI-O match "container not
// running", people know the other two from runc).
inline std::string refusal(Op op, State from, std::string const& id) {
    if (from == State::kStopped && op != Op::kStart && op != Op::kDelete) return "container not running";
    if (op == Op::kExec && from == State::kPaused) return "cannot exec in a paused container";
    if (op == Op::kResume) return "container not paused";
    if (op == Op::kDelete) return "cannot delete container " + id + " that is not stopped: " + name(from);
    if (op == Op::kStats) return std::string("cannot count what a container uses that is ") + name(from);
    return std::string("cannot ") + name(op) + " a container that is " + name(from);
}

// The state after `op`, or kBadState with the sentence for the user.
inline Result<State> apply(Op op, State from, std::string const& id) {
    auto const* t = std::find_if(std::begin(kTransitions), std::end(kTransitions),
                                 [&](Transition const& x) { return x.op == op && x.from == from; });
    if (t == std::end(kTransitions)) return fail(Error(Errc::kBadState, refusal(op, from, id)));
    return t->to;
}

}  // namespace krun::runtime
