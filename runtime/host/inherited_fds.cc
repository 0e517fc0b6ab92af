// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/inherited_fds.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <memory>

#include "base/strings.h"

namespace krun::runtime {

std::vector<int> open_fds() {
    std::vector<int> out;
    std::unique_ptr<DIR, int (*)(DIR*)> const list(::opendir("/proc/self/fd"), ::closedir);
    if (!list) return out;
    while (dirent const* entry = ::readdir(list.get()))
        if (auto const fd = parse_int64(entry->d_name); fd && *fd >= 3 && *fd != ::dirfd(list.get()))
            out.push_back(static_cast<int>(*fd));
    return out;
}

void close_inherited_fds() {
    for (int const fd : open_fds()) {
        int const flags = ::fcntl(fd, F_GETFD);
        if (flags >= 0 && (flags & FD_CLOEXEC) == 0) ::close(fd);
    }
}

}  // namespace krun::runtime
