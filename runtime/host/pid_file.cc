// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/pid_file.h"

#include <fcntl.h>

#include "base/fd.h"

namespace krun::runtime {

Result<void> write_pid_file(std::string const& path, pid_t pid) {
    auto const slash = path.rfind('/');
    std::string const folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    std::string const name = slash == std::string::npos ? path : path.substr(slash + 1);
    std::string const doing = "write pid file " + path;
    auto const dir = TRY_WITH(open_path(folder, O_RDONLY | O_DIRECTORY), doing);
    TRY_WITH(replace_file(dir.borrow(), name, std::to_string(pid), 0644), doing);
    return {};
}

}  // namespace krun::runtime
