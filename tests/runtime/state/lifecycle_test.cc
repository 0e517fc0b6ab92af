// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/lifecycle.h"

#include <gtest/gtest.h>

#include <map>

namespace krun::runtime {
namespace {

// What runtime-spec runtime.md#operations and engines expect of every operation in every state; "" is
// allowed.
TEST(Lifecycle, EveryOperationInEveryStateHasTheExpectedAnswer) {
    std::map<std::pair<Op, State>, std::string> const expected = {
        {{Op::kStart, State::kCreating}, "cannot start a container that is creating"},
        {{Op::kStart, State::kCreated}, ""},
        {{Op::kStart, State::kRunning}, "cannot start a container that is running"},
        {{Op::kStart, State::kStopped}, "cannot start a container that is stopped"},
        {{Op::kKill, State::kCreating}, "cannot kill a container that is creating"},
        {{Op::kKill, State::kCreated}, ""},
        {{Op::kKill, State::kRunning}, ""},
        {{Op::kKill, State::kStopped}, "container not running"},
        {{Op::kDelete, State::kCreating}, "cannot delete container web that is not stopped: creating"},
        {{Op::kDelete, State::kCreated}, ""},
        {{Op::kDelete, State::kRunning}, "cannot delete container web that is not stopped: running"},
        {{Op::kDelete, State::kStopped}, ""},
        {{Op::kStart, State::kPaused}, "cannot start a container that is paused"},
        {{Op::kKill, State::kPaused}, ""},
        {{Op::kDelete, State::kPaused}, "cannot delete container web that is not stopped: paused"},
        {{Op::kExec, State::kCreating}, "cannot exec a container that is creating"},
        {{Op::kExec, State::kCreated}, ""},
        {{Op::kExec, State::kRunning}, ""},
        {{Op::kExec, State::kPaused}, "cannot exec in a paused container"},
        {{Op::kExec, State::kStopped}, "container not running"},
        {{Op::kPause, State::kCreating}, "cannot pause a container that is creating"},
        {{Op::kPause, State::kCreated}, ""},
        {{Op::kPause, State::kRunning}, ""},
        {{Op::kPause, State::kPaused}, "cannot pause a container that is paused"},
        {{Op::kPause, State::kStopped}, "container not running"},
        {{Op::kResume, State::kCreating}, "container not paused"},
        {{Op::kResume, State::kCreated}, "container not paused"},
        {{Op::kResume, State::kRunning}, "container not paused"},
        {{Op::kResume, State::kPaused}, ""},
        {{Op::kResume, State::kStopped}, "container not running"},
        {{Op::kUpdate, State::kCreating}, "cannot update a container that is creating"},
        {{Op::kUpdate, State::kCreated}, ""},
        {{Op::kUpdate, State::kRunning}, ""},
        {{Op::kUpdate, State::kPaused}, "cannot update a container that is paused"},
        {{Op::kUpdate, State::kStopped}, "container not running"},
        {{Op::kStats, State::kCreating}, "cannot count what a container uses that is creating"},
        {{Op::kStats, State::kCreated}, ""},
        {{Op::kStats, State::kRunning}, ""},
        {{Op::kStats, State::kPaused}, "cannot count what a container uses that is paused"},
        {{Op::kStats, State::kStopped}, "container not running"},
    };
    for (Op const op : kOps)
        for (State const state : kStates) {
            auto const result = apply(op, state, "web");
            EXPECT_EQ(result.ok() ? "" : result.error().message(), expected.at({op, state}));
            if (!result.ok()) {
                EXPECT_EQ(result.error().code(), Errc::kBadState);
            }
        }
}

TEST(Lifecycle, NoOperationHasTwoRowsForOneState) {
    for (auto const& a : kTransitions)
        EXPECT_EQ(std::count_if(std::begin(kTransitions), std::end(kTransitions),
                                [&](Transition const& b) { return a.op == b.op && a.from == b.from; }),
                  1)
            << name(a.op) << " from " << name(a.from);
}

TEST(Lifecycle, KillLeavesTheStateToTheOneWhoLooks) {
    EXPECT_EQ(apply(Op::kKill, State::kRunning, "web").value(), State::kRunning);
    EXPECT_EQ(apply(Op::kStart, State::kCreated, "web").value(), State::kRunning);
}

}  // namespace
}  // namespace krun::runtime
