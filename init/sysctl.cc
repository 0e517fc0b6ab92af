// SPDX-License-Identifier: Apache-2.0
#include "init/sysctl.h"

#include <fcntl.h>

#include "base/fd.h"
#include "init/mount_point.h"

namespace krun::init {

Result<void> write_sysctls(std::map<std::string, std::string> const& sysctl) {
    if (sysctl.empty()) return {};
    auto const root = TRY(open_path("/proc/sys", O_PATH | O_DIRECTORY));
    for (auto const& [key, value] : sysctl) {
        auto const fd = TRY_WITH(open_in_root(root.borrow(), sysctl_path(key), O_WRONLY), "sysctl " + key);
        TRY_WITH(write_full(fd.borrow(), value), "sysctl " + key);
    }
    return {};
}

}  // namespace krun::init
