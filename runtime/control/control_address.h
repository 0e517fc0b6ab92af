// SPDX-License-Identifier: Apache-2.0
// The control socket's address. The path of a state directory may be longer than sun_path (engines nest them
// deep); its descriptor never is.
#pragma once
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>

#include "base/unique_fd.h"
#include "runtime/control/control.h"

namespace krun::runtime {

// Valid in this process, as long as `state_dir` is open.
inline sockaddr_un control_address(BorrowedFd state_dir) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string const path = "/proc/self/fd/" + std::to_string(state_dir.raw()) + "/" + kControlSocketName;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

}  // namespace krun::runtime
