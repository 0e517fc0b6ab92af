// SPDX-License-Identifier: Apache-2.0
// Locks. None is waited for here: a request that must wait is left unanswered, and is served again later.
#include <fcntl.h>

#include <climits>

#include "fs/op_table.h"

namespace krun::fs {

static FsResult<LockArgs> lock_args(Call& call) {
    auto const in = TRY(call.in.take<abi::LkIn>());
    auto const& lock = in.lk;
    if (lock.type != F_RDLCK && lock.type != F_WRLCK && lock.type != F_UNLCK) return fail(Errno{EINVAL});
    if (lock.start > lock.end || lock.end > LLONG_MAX) return fail(Errno{EINVAL});
    auto const kind = (in.lk_flags & abi::kLkFlock) != 0 ? LockKind::kWhole : LockKind::kRange;
    return LockArgs{Handle{in.fh}, in.owner, lock, kind};
}

FsResult<void> op_getlk(Call& call) {
    auto const args = TRY(lock_args(call));
    return call.out.put(abi::LkOut { TRY(call.fs.getlk(call.node(), args)) });
}

FsResult<void> op_setlk(Call& call) {
    auto const args = TRY(lock_args(call));
    return call.fs.setlk(call.node(), args);
}

FsResult<void> op_setlkw(Call& call) {
    auto args = TRY(lock_args(call));
    args.waits = true;
    bool const interrupted = call.interrupts->take(call.in.header().unique);
    auto const result = interrupted ? fail(Errno{EINTR}) : call.fs.setlk(call.node(), args);
    if (result.ok() || (!interrupted && result.error().value != EAGAIN)) return result;
    call.must_wait = !interrupted && call.may_wait;
    if (call.must_wait) return result;
    call.fs.stop_waiting(call.node(), args);
    return fail(Errno{interrupted ? EINTR : ENOLCK});
}

FsResult<void> op_interrupt(Call& call) {
    auto const in = TRY(call.in.take<abi::InterruptIn>());
    call.interrupts->add(in.unique);
    return {};
}

}  // namespace krun::fs
