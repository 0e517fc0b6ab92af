// SPDX-License-Identifier: Apache-2.0
// What the option strings of a mount mean (runtime-spec config.md#linux-mount-options), sorted by who takes
// them: the mount's attributes, its propagation, the file system's own parameters.
#pragma once
#include <sys/mount.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace krun::init {

struct MountOptions {
    // MOUNT_ATTR_* to set and to clear; `set` may hold one MOUNT_ATTR__ATIME value.
    uint64_t attr_set = 0;
    uint64_t attr_clear = 0;
    // The same for the whole tree of a recursive bind mount ("rro").
    uint64_t tree_set = 0;
    uint64_t tree_clear = 0;
    bool bind = false;
    bool recursive = false;  // rbind
    bool copy_up = false;    // tmpfs starts as a copy of what it covers
    // MS_SHARED and the like, perhaps with MS_REC, in order.
    std::vector<unsigned long> propagation;
    // Parameters of the file system: a flag has no value ("sync"), the rest is name=value ("size=64k").
    std::vector<std::string> flags;
    std::vector<std::pair<std::string, std::string>> parameters;
};

// Never fails for an unknown name: it is the file system's, which will say so itself. Refused are the options
// that need the host's help (idmap) and those that make no sense ("remount" of something just made).
Result<MountOptions> parse_mount_options(std::vector<std::string> const& options);

}  // namespace krun::init
