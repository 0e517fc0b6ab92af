// SPDX-License-Identifier: Apache-2.0
// One container's state directory: its record and its lock. The container process keeps its control socket
// there too.
#pragma once
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "runtime/state/record.h"

namespace krun::runtime {

// A descriptor of the directory `name` in `parent` (or of a path, for AT_FDCWD), refused unless it is a
// directory, no symbolic link, ours, and nobody else may write to it. `what` starts the error text.
Result<UniqueFd> open_private_dir(BorrowedFd parent, std::string const& name, std::string const& what);

// Holds the directory's flock until destroyed. It has an open file description of its own, so that a
// container process forked from us can never keep the lock.
class StateLock {
private:
    friend class StateDir;
    explicit StateLock(UniqueFd fd) : fd_(std::move(fd)) {}
    UniqueFd fd_;
};

class StateDir {
public:
    StateDir(std::string id, UniqueFd dir) : id_(std::move(id)), dir_(std::move(dir)) {}

    std::string const& id() const { return id_; }
    BorrowedFd fd() const { return dir_.borrow(); }

    // Waits at most ten seconds for other commands. kNotFound if the container was deleted meanwhile. Held
    // around transitions only, never while waiting for a guest.
    Result<StateLock> lock() const;
    // kNotFound if there is no record (yet), kInvalidConfig "corrupt state for ID: …" if it is unreadable.
    Result<Record> load() const;
    // All or nothing.
    Result<void> save(Record const& record) const;

private:
    std::string id_;
    UniqueFd dir_;
};

// `container "ID" does not exist`: engines look for these words.
Error no_such_container(std::string const& id, Where where = Where::current());

}  // namespace krun::runtime
