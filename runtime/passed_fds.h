// SPDX-License-Identifier: Apache-2.0
// --preserve-fds N: descriptors 3 to 3 + N - 1 of the caller, which the guest process gets under the same
// numbers. What crosses is the stream of bytes: of pipes, character devices, connected stream sockets, and of
// regular files that are only read or only written.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"

namespace krun::runtime {

struct PassedFd {
    guest::PassedFd description;
    UniqueFd fd;  // our own duplicate
};

// `count` is the flag's value; empty is 0. kInvalidConfig names the descriptor that is not open, and
// kUnsupported the one that no stream can stand for.
Result<std::vector<PassedFd>> passed_fds(std::string const& count);

}  // namespace krun::runtime
