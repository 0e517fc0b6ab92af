// SPDX-License-Identifier: Apache-2.0
// What the host has to know of a mount's options (runtime-spec config.md#mounts), and the names it knows. The
// attributes themselves are applied in the guest, to the mount that the payload sees.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "oci/spec.h"

namespace krun::oci {

struct MountOptions {
    bool bind = false;
    bool recursive = false;  // "rbind": mounts below the source come along
    bool read_only = false;  // of "ro" and "rw" the last one counts; "rro" is both this and the next
    bool recursive_read_only = false;  // the mounts below the source, too
    bool copy_up = false;              // "tmpcopyup"
    bool id_map = false;               // "idmap", and "ridmap", which is both this and the next
    bool recursive_id_map = false;
};

// Names that are not known are the file system's own parameters; they are left for the guest's kernel to
// judge. kUnsupported for options that cannot be carried out ("remount").
Result<MountOptions> parse_mount_options(std::span<std::string const> options);

// Whether `mount` shows a part of the host: by type "bind", or by option as most engines write it.
bool is_bind(Mount const& mount);

// Every name that parse_mount_options or the guest acts upon, sorted: for `features`.
std::span<std::string_view const> known_mount_options();

}  // namespace krun::oci
