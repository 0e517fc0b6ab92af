// SPDX-License-Identifier: Apache-2.0
// Which names a container may have. The name becomes a directory's name, so it is checked before anything is
// looked up under it.
#pragma once
#include <string>

#include "base/error.h"

namespace krun::runtime {

// NAME_MAX: the name is one path component.
inline constexpr size_t kMaxIdBytes = 255;

// One or more of A-Z a-z 0-9 _ + - . and no '.' or '-' in front: what runc and crun take, less what looks
// like a hidden file or a flag. kInvalidConfig otherwise. No file system access.
Result<void> check_container_id(std::string const& id);

}  // namespace krun::runtime
