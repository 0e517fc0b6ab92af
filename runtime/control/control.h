// SPDX-License-Identifier: Apache-2.0
// The control socket of a container: `control.sock` in its state directory (mode 0700), AF_UNIX
// SOCK_SEQPACKET, bound by the container process. One request and one reply a connection; the connection of
// an exec stays, and carries requests about the executed process in one direction and events in the other.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

inline constexpr char const* kControlSocketName = "control.sock";

enum class ControlOp : uint32_t {
    // Runs the payload; answered when execve succeeded or failed. `fds`: its network (network/setup.h), if
    // any.
    kStart = 1,
    kSignal = 2,  // `argument` is the signal number, 1..64
    kResize = 3,  // `argument` is rows << 16 | columns
    // Runs one more process. `fds`: a file that holds its ExecConfig, then its streams in the order of their
    // numbers. `argument`: 1 for a terminal, which is its only standard stream.
    kExec = 4,
    kSignalAll = 5,  // as kSignal, to every process of the container
    // Reads or writes one file of the payload's cgroup in the guest: `text` as control::kCgroup has it. The
    // answer's text is the content.
    kCgroup = 6,
    // Writes what the guest kernel last said into the file that comes with it.
    kKernelLog = 7,
};

inline constexpr size_t kMaxControlText = 4096;

struct ControlRequest {
    ControlOp op;
    uint32_t argument = 0;
    std::vector<UniqueFd> fds{};
    std::string text{};  // at most kMaxControlText
};

constexpr uint32_t pack_size(uint16_t rows, uint16_t columns) {
    return uint32_t{rows} << 16 | columns;
}

// Sends one request and waits for its reply. kNotFound when the container process is gone, otherwise the
// error that it reports, in its words: kBadState when it refuses. kStart and kCgroup wait for the guest,
// kCgroup ten seconds at most; the other operations are answered at once.
Result<void> control_request(BorrowedFd state_dir, ControlRequest const& request);
// The same; returns the answer's text.
Result<std::string> control_query(BorrowedFd state_dir, ControlRequest const& request);
// Its two halves. Requests are taken up in the order in which they were sent.
Result<UniqueFd> send_control_request(BorrowedFd state_dir, ControlRequest const& request);
Result<std::string> await_answer(BorrowedFd connection);

// A connection of its own, for an exec. kNotFound when the container process is gone.
Result<UniqueFd> connect_control(BorrowedFd state_dir);
// Sends a request with the descriptors of `fds`; does not wait.
Result<void> send_request(BorrowedFd connection, ControlOp op, uint32_t argument,
                          std::span<BorrowedFd const> fds = {}, std::string_view text = {});

}  // namespace krun::runtime
