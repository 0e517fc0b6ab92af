// SPDX-License-Identifier: Apache-2.0
// The directory of all containers' state directories (--root). Only its owner may write to it, so that
// nobody can plant a container or a link in it.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "runtime/state/state_dir.h"

namespace krun::runtime {

class Store {
public:
    // Opens `path`. A missing one is no error: a store without containers.
    static Result<Store> open(std::string const& path);
    // Makes `path` (mode 0700) and its parents if they are missing.
    static Result<Store> open_or_create(std::string const& path);

    // Makes the container's directory: of all who try at once, one succeeds.
    Result<StateDir> create(std::string const& id) const;
    // The same with the container's first record. All or nothing; kBadState if another has it, kNotFound if a
    // forced delete came in between.
    Result<StateDir> claim(Record const& first) const;
    // kNotFound: `container "ID" does not exist`.
    Result<StateDir> find(std::string const& id) const;
    // The names of all containers, sorted.
    Result<std::vector<std::string>> list() const;
    // Removes the container's files, its record last, and its directory. REQUIRES: `locked` is `dir`'s lock.
    Result<void> remove(StateDir const& dir, StateLock const& locked) const;

private:
    explicit Store(UniqueFd dir) : dir_(std::move(dir)) {}
    void drop_empty(std::string const& id, Error const& why) const;
    UniqueFd dir_;  // invalid: the directory does not exist
};

}  // namespace krun::runtime
