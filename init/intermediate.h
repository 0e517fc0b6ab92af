// SPDX-License-Identifier: Apache-2.0
// How init gets a child in the container's pid namespace that never had anything of init's. From its first
// instruction on, who may trace it there may take what it holds; so its parent is not init but a process that
// stays where nobody of the container can reach it, gives up what is init's, joins the namespaces and then
// clones with CLONE_PARENT: the child is init's all the same.
#pragma once
#include <sys/types.h>

#include <functional>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::init {

// In memory that init shares with the intermediate process, and that one not with its child.
struct BirthRecord {
    pid_t child = 0;
    int error = 0;
};

// Runs `main` in an intermediate process and waits for that one's end, so `main` may wait for nothing of the
// container's. The result is the child that it has become; with errno if there is none. `main` goes on in the
// child and must not return in either. REQUIRES: one thread.
Result<pid_t> clone_by_intermediate(std::function<void(BirthRecord& record)> const& main);

// In the intermediate process: returns in its child, which is born in the namespaces that this one has
// entered for its children, and in `cgroup` if it is valid; does not return in itself but for an error.
Result<void> continue_as_child(BirthRecord& record, UniqueFd const& cgroup);

}  // namespace krun::init
