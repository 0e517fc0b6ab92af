// SPDX-License-Identifier: Apache-2.0
// The end of a container: its processes, its cgroup, its state directory. Used by delete, and by create to
// undo what it did.
#pragma once
#include <string>

#include "base/error.h"
#include "runtime/state/store.h"

namespace krun::runtime {

enum class Force { kNo, kYes };

// Deletes a container. Without force it must be stopped or created. With force it may be in any state, half
// made or damaged, and an unknown one is no error. Waits a bounded time for its process to end; never on
// the guest.
Result<void> delete_container(Store const& store, std::string const& id, Force force);

// Removes what `record` says there is of the container in `dir`, whatever its state. For create, which must
// never touch another container that got the same id meanwhile. Bounded as above.
Result<void> remove_container(Store const& store, StateDir const& dir, Record const& record);

}  // namespace krun::runtime
