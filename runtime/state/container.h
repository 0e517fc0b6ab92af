// SPDX-License-Identifier: Apache-2.0
// An existing container: what it is doing, and the operations on it. Each call stands alone, as each command
// is a process of its own; what they agree on is in the state directory.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "runtime/state/lifecycle.h"
#include "runtime/state/state_dir.h"

namespace krun::runtime {

// What the container is doing at this moment: its record, and whether its process lives.
State observe(Record const& record);

class Container {
public:
    // kNotFound if there is none, kInvalidConfig if its record is unreadable.
    static Result<Container> open(std::string const& root, std::string const& id);
    // `vm`: of the container's creator that stays (VmProcess::vm).
    Container(StateDir dir, Record record, std::vector<UniqueFd> vm = {})
        : dir_(std::move(dir)), record_(std::move(record)), vm_(std::move(vm)) {}

    StateDir const& dir() const { return dir_; }
    Record const& record() const { return record_; }
    State state() const { return creating_ ? State::kCreating : observe(record_); }

    // Runs the payload, then the poststart hooks; waits for the guest. kBadState unless created.
    Result<void> start();
    enum class Target { kPayload, kAll };
    // Signals the payload, or every process of the container; SIGKILL ends the container process whatever the
    // guest does. Does not wait.
    Result<void> kill(int signal, Target target = Target::kPayload) const;
    // Stops and lets go on the whole machine. kBadState unless it runs, or is paused.
    Result<void> pause() const;
    Result<void> resume() const;
    // config.json as it was at create.
    Result<oci::Spec> spec() const;
    // What must be closed for the VM to be destroyed.
    std::vector<UniqueFd> take_vm() { return std::move(vm_); }

private:
    Result<void> ask_to_start() const;
    Result<void> not_started(Error error);
    Result<void> record_start();

    StateDir dir_;
    Record record_;
    std::vector<UniqueFd> vm_;
    bool creating_ = false;  // it was when the record was read, which says no more
};

}  // namespace krun::runtime
