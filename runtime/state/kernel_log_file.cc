// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/kernel_log_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/control/control.h"

namespace krun::runtime {
namespace {

constexpr size_t kMaxBytes = size_t{64} * 1024;

// It writes into a file of ours: longer than an answer can be.
Result<std::string> ask(BorrowedFd state_dir) {
    ControlRequest request{.op = ControlOp::kKernelLog};
    auto const file = TRY(make_memfd("kernel-log", 0));
    auto handed_over = TRY(duplicate(file.borrow()));
    request.fds.push_back(std::move(handed_over));
    TRY(control_request(state_dir, request));
    if (::lseek(file.borrow().raw(), 0, SEEK_SET) < 0) return fail(Error::sys("rewind the kernel's log"));
    return read_file(file.borrow(), kMaxBytes);
}

Result<std::string> read_kept(BorrowedFd state_dir) {
    auto const file = open_at(state_dir, kKernelLogName, O_RDONLY | O_NOFOLLOW);
    if (!file.ok()) return std::string();
    return read_file(file.value().borrow(), kMaxBytes);
}

}  // namespace

Result<std::string> kernel_log_of(BorrowedFd state_dir, State state) {
    if (state == State::kCreated || state == State::kRunning) return ask(state_dir);
    if (state == State::kPaused)
        return fail(Error(Errc::kBadState, "cannot ask a container that is paused; resume it first"));
    return read_kept(state_dir);
}

}  // namespace krun::runtime
