// SPDX-License-Identifier: Apache-2.0
// An existing container: what it is doing, and the operations on it. Each call stands alone, as each command
// is a process of its own; what they agree on is in the state directory.
#pragma once
#include <optional>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "runtime/lifecycle.h"
#include "runtime/state_dir.h"

namespace krun::runtime {

// What the container is doing at this moment: its record, and whether its process lives.
State observe(Record const& record);

class Container {
public:
    // kNotFound if there is none, kInvalidConfig if its record is unreadable.
    static Result<Container> open(std::string const& root, std::string const& id);
    Container(StateDir dir, Record record) : dir_(std::move(dir)), record_(std::move(record)) {}

    StateDir const& dir() const { return dir_; }
    Record const& record() const { return record_; }
    State state() const { return observe(record_); }

    // Runs the payload, then the poststart hooks; waits for the guest. kBadState unless created.
    Result<void> start();
    // Signals the payload; SIGKILL ends the container process whatever the guest does. Does not wait.
    Result<void> kill(int signal) const;

private:
    Result<void> record_start();

    StateDir dir_;
    Record record_;
};

}  // namespace krun::runtime
