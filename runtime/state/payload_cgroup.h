// SPDX-License-Identifier: Apache-2.0
// Files of the payload's own cgroup, which is in the guest (Documentation/admin-guide/cgroup-v2.rst). The
// guest's init reads and writes them; the container process passes it on.
#pragma once
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

// `state_dir` is the container's, `file` a name such as "memory.current". Each waits for the guest, ten
// seconds at most. kBadState when the container does not run, kSystem for what the guest's kernel refused.
// The content is at most 16 KiB and hostile.
Result<std::string> read_payload_cgroup(BorrowedFd state_dir, std::string const& file);
Result<void> write_payload_cgroup(BorrowedFd state_dir, std::string const& file, std::string const& value);

}  // namespace krun::runtime
