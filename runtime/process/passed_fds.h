// SPDX-License-Identifier: Apache-2.0
// Descriptors of the caller that the guest process gets under the same numbers, from 3 on: those of socket
// activation first (sd_listen_fds(3)), then the N of --preserve-fds N. What crosses is the stream of bytes:
// of pipes, character devices, connected stream sockets, and of regular files that are only read or only
// written. For a socket that listens, its connections cross: the payload has one of its own.
#pragma once
#include <cstdint>
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

struct PassedFds {
    std::vector<PassedFd> fds;
    std::vector<std::string> env;  // what the process has to be told about them: LISTEN_FDS and its like
};

// `count` is the flag's value; empty is 0. kInvalidConfig names the descriptor that is not open, and
// kUnsupported the one that nothing in a guest can stand for; of an executed process that is a listening
// socket, too.
Result<std::vector<PassedFd>> preserved_fds(std::string const& count);
// With those that LISTEN_FDS announces to this process, LISTEN_PID (sd_listen_fds(3)).
Result<PassedFds> fds_for_payload(std::string const& count);

}  // namespace krun::runtime
