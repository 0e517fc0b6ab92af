// SPDX-License-Identifier: Apache-2.0
// The flags that create and run share, and what they mean.
#pragma once
#include "runtime/cli/creation.h"
#include "runtime/cli/options.h"

namespace krun::runtime {

inline constexpr Flag kBundleFlag{"bundle", 'b', "DIR", "directory of config.json (default: this one)"};
inline constexpr Flag kConsoleSocketFlag{"console-socket", 0, "SOCKET", "where the terminal is sent"};
inline constexpr Flag kPidFileFlag{"pid-file", 0, "FILE", "where the container process's number is written"};
inline constexpr Flag kPidfdSocketFlag{"pidfd-socket", 0, "SOCKET", "where a pidfd of the process is sent"};
inline constexpr Flag kPreserveFdsFlag{"preserve-fds", 0, "N", "pass on N descriptors, from number 3"};
// The container's process does not pivot, has no keyring of its own and takes no subreaper: nothing to
// switch.
inline constexpr Flag kNoPivotFlag{"no-pivot", 0, nullptr, "accepted, without effect"};
inline constexpr Flag kNoNewKeyringFlag{"no-new-keyring", 0, nullptr, "accepted, without effect"};
inline constexpr Flag kNoSubreaperFlag{"no-subreaper", 0, nullptr, "accepted, without effect"};

// REQUIRES: the options were read with the flags above and have one positional, the id.
Result<CreateRequest> read_create_request(Options const& options);

}  // namespace krun::runtime
