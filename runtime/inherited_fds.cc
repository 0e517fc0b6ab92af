// SPDX-License-Identifier: Apache-2.0
#include "runtime/inherited_fds.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <memory>

#include "base/strings.h"

namespace krun::runtime {

void close_inherited_fds() {
    std::unique_ptr<DIR, int (*)(DIR*)> const list(::opendir("/proc/self/fd"), ::closedir);
    if (!list) return;
    while (dirent const* entry = ::readdir(list.get())) {
        auto const fd = parse_int64(entry->d_name);
        if (!fd || *fd < 3) continue;
        int const flags = ::fcntl(static_cast<int>(*fd), F_GETFD);
        if (flags >= 0 && (flags & FD_CLOEXEC) == 0) ::close(static_cast<int>(*fd));
    }
}

}  // namespace krun::runtime
