// SPDX-License-Identifier: Apache-2.0
// Whose permissions this process has.
#pragma once

namespace krun::runtime {

// Whether it is no root of the host: it has another user id, or is root of a user namespace only
// (user_namespaces(7)). Reads /proc/self/uid_map.
bool is_rootless();

}  // namespace krun::runtime
