// SPDX-License-Identifier: Apache-2.0
// The machine's disks, which the host names by their serial numbers and the kernel by the order in which it
// found them. Needs the boot tree's /sys and /dev.
#pragma once
#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"

namespace krun::init {

// A mount of the file system on it, not attached anywhere yet. Without a type, those that /proc/filesystems
// lists for block devices are tried in its order.
Result<UniqueFd> make_root_of_disk(guest::RootDisk const& disk);

// For each of krun.disks the node /dev/vdX beneath `root`, for the payload's root alone, and the link
// /dev/disk/by-id/virtio-SERIAL to it.
Result<void> create_disk_nodes(BorrowedFd root, guest::Krun const& krun);

}  // namespace krun::init
