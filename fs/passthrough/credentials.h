// SPDX-License-Identifier: Apache-2.0
// Acting as somebody else for one scope, on this thread alone: glibc's wrappers would change every thread of
// the process, so these are raw system calls.
#pragma once
#include <sys/types.h>

#include <optional>

#include "base/fd.h"
#include "fs/file_system.h"

namespace krun::fs {

// Files made in this scope belong to `caller`, as if it had made them on the host: owner, group, and the
// rules for setgid directories, with Caller::group as its one supplementary group. Nothing to do, and no
// system call, if the server already is the caller.
//
// The thread's supplementary groups are given up for good at its first use, so that no file gets a group that
// only the server is in. Its own ids are asked for once: nobody else changes them while it serves.
class ActAs {
public:
    // EPERM if the host does not let the server become `caller` (no mapping in its user namespace).
    static FsResult<ActAs> caller(Caller caller);
    ActAs(ActAs&& other) noexcept : caller_(std::exchange(other.caller_, std::nullopt)) {}
    ActAs& operator=(ActAs&&) = delete;
    ~ActAs();

    // From here on the host denies the caller nothing (CAP_DAC_OVERRIDE). False if that changes nothing.
    bool override_permissions();

private:
    ActAs() = default;
    std::optional<Caller> caller_;  // set while it is not the server itself
};

// Runs `op` as the caller. Permission is the guest kernel's decision, which knows the caller's groups; the
// host does not. So what the host denies is done all the same, at the second try: mostly it denies nothing,
// and to raise a capability takes as long as to make a file.
template <class Op>
auto as_caller(Caller const& caller, Op op) -> decltype(op()) {
    auto as = TRY(ActAs::caller(caller));
    auto result = op();
    if (!result.ok() && result.error().value == EACCES && as.override_permissions()) return op();
    return result;
}

// The mode to make a file with: `mode`, with `umask` set as this thread's own, so that the host applies it
// unless the directory has a default ACL (acl(5)). A thread that may not have an umask of its own gets the
// masked mode.
mode_t with_umask(uint32_t mode, uint32_t umask);

// Within this scope the host clears setuid and setgid from a file that is written, as it does for a user
// without CAP_FSETID (fuse_kernel.h FUSE_HANDLE_KILLPRIV_V2).
class WithoutFsetid {
public:
    WithoutFsetid();
    WithoutFsetid(WithoutFsetid const&) = delete;
    WithoutFsetid& operator=(WithoutFsetid const&) = delete;
    ~WithoutFsetid();

private:
    std::optional<uint64_t> saved_;
};

// Begins that scope only where it decides something, because it costs four system calls and a guest's
// unprivileged process asks for it with every write. setgid without group execution is no privilege.
void kill_if_set(BorrowedFd file, std::optional<WithoutFsetid>& kill);

}  // namespace krun::fs
