// SPDX-License-Identifier: Apache-2.0
// The one FUSE tree that a machine boots from: init's own world, and the payload's root as a branch of it
// (ARCHITECTURE.md, "The boot tree").
#pragma once
#include <memory>

#include "base/error.h"
#include "config-gen/from_oci.h"
#include "fs/file_system.h"
#include "runtime/process/guest_info.h"
#include "runtime/process/host_handles.h"

namespace krun::runtime {

// Consumes the rootfs and the binds of `host`, which are trees of detach_tree by now. `info` is what
// /run/krun shows, nullptr if the container does not ask for it. Errors name the JSON path.
Result<std::unique_ptr<fs::FileSystem>> make_boot_tree(GuestPlan const& plan, HostHandles& host,
                                                       std::shared_ptr<GuestInfo const> const& info);

}  // namespace krun::runtime
