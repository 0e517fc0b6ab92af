// SPDX-License-Identifier: Apache-2.0
// Which mount points and devices a rootfs lacks.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "runtime/process/host_handles.h"

namespace krun::runtime {

// What else the guest needs in the rootfs: the directory of the NOTIFY_SOCKET; and the working directory if
// the root is read-only. In a writable one init creates it for good, as runc does: a program may write there.
std::vector<std::string> needed_directories(KrunConfig const& config);

// For each mount of `mounts` and each of `directories` and `devices`, the part of its destination that does
// not exist in `rootfs` (O_PATH of a directory), parents first and without duplicates. Destinations below an
// earlier mount are left out: what they need lies in that mount, not in the rootfs. Symbolic links in the
// rootfs are resolved within it, dangling ones too; a loop of them is left to init, which reports it. `binds`
// tells files from directories.
std::vector<MountPoint> missing_mount_points(BorrowedFd rootfs, std::vector<guest::Mount> const& mounts,
                                             std::vector<BindHandle> const& binds,
                                             std::vector<std::string> const& directories = {},
                                             std::vector<guest::Device> const& devices = {});

}  // namespace krun::runtime
