// SPDX-License-Identifier: Apache-2.0
// Every descriptor of this program is born here: always close-on-exec, EINTR retried. Paths in error
// texts are the caller's words. All functions may be called from any thread.
#pragma once
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun {

// open(2) with O_CLOEXEC added. `mode` matters only with O_CREAT or O_TMPFILE.
Result<UniqueFd> open_path(std::string const& path, int flags, mode_t mode = 0);
// openat(2) with O_CLOEXEC added.
Result<UniqueFd> open_at(BorrowedFd dir, std::string const& name, int flags, mode_t mode = 0);
// A close-on-exec duplicate of `fd` numbered 3 or higher, so that it never lands on stdio.
Result<UniqueFd> duplicate(BorrowedFd fd);
// A non-blocking eventfd with counter 0.
Result<UniqueFd> make_eventfd();
// {read end, write end}; both blocking.
Result<std::pair<UniqueFd, UniqueFd>> make_pipe();
// A connected AF_UNIX pair. `type` is SOCK_STREAM or SOCK_SEQPACKET, optionally with SOCK_NONBLOCK.
Result<std::pair<UniqueFd, UniqueFd>> make_socketpair(int type);
// An anonymous file of `size_bytes`; `name` is only seen in /proc/PID/fd.
Result<UniqueFd> make_memfd(char const* name, uint64_t size_bytes);

Result<void> set_nonblocking(BorrowedFd fd, bool nonblocking);

// Reads until `out` is full or the file ends; returns bytes read.
Result<size_t> read_full(BorrowedFd fd, std::span<std::byte> out);
// Writes all of `data`, or fails.
Result<void> write_full(BorrowedFd fd, std::span<std::byte const> data);
inline Result<void> write_full(BorrowedFd fd, std::string_view text) {
    return write_full(fd, std::as_bytes(std::span(text)));
}
// The whole file, at most `max_bytes`; a longer one is an error that says so.
Result<std::string> read_file(BorrowedFd fd, size_t max_bytes);
Result<std::string> read_file(std::string const& path, size_t max_bytes);
// Writes `text` to a new file beside `path` and renames it over: readers see all of it or none.
// No fsync: state does not outlive a boot.
Result<void> replace_file(BorrowedFd dir, std::string const& name, std::string_view text, mode_t mode);

}  // namespace krun
