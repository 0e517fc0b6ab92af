// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/rootless.h"

#include <unistd.h>

#include <sstream>
#include <string>

#include "base/fd.h"

namespace krun::runtime {

bool is_rootless() {
    if (::geteuid() != 0) return true;
    auto const map = read_file("/proc/self/uid_map", 65536);
    if (!map.ok()) return false;
    // The initial namespace maps all ids to themselves, in one line (user_namespaces(7)).
    std::istringstream line(map.value());
    uint64_t inside = 1;
    uint64_t outside = 1;
    uint64_t count = 0;
    line >> inside >> outside >> count;
    return inside != 0 || outside != 0 || count != UINT32_MAX;
}

}  // namespace krun::runtime
