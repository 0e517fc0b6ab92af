// SPDX-License-Identifier: Apache-2.0
// How the caller of create, run and exec learns which process on the host stands for the program: by its
// number in a file (--pid-file), and by a pidfd over a socket (--pidfd-socket).
#pragma once
#include <sys/types.h>

#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

class ProcessNotice {
public:
    // Each path may be empty: not wanted so. Connects to the socket, so that nothing is begun for one that
    // nobody listens on.
    static Result<ProcessNotice> prepare(std::string pid_file, std::string const& pidfd_socket);

    // REQUIRES: `pid` is this process, or an unreaped child of it. Waits for no answer; the file comes last.
    Result<void> give(pid_t pid) const;

private:
    ProcessNotice(std::string pid_file, UniqueFd socket)
        : pid_file_(std::move(pid_file)), socket_(std::move(socket)) {}

    std::string pid_file_;
    UniqueFd socket_;  // invalid: none is wanted
};

}  // namespace krun::runtime
