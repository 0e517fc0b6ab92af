// SPDX-License-Identifier: Apache-2.0
// Ops that change which names there are. Each name passes Request::take_name.
#include <climits>

#include "fs/op_table.h"

namespace krun::fs {

FsResult<void> op_symlink(Call& call) {
    auto const caller = TRY(call.creator());
    auto const name = TRY(call.in.take_name());
    // The target is the guest's own text: stored as it is, and never followed on the host.
    auto const target = TRY(call.in.take_text());
    if (target.empty()) return fail(Errno{ENOENT});
    if (target.size() >= PATH_MAX) return fail(Errno{ENAMETOOLONG});
    return call.out.put_entry(TRY(call.fs.symlink(caller, call.node(), name, target)));
}

FsResult<void> op_mknod(Call& call) {
    auto const in = TRY(call.in.take<abi::MknodIn>());
    auto const caller = TRY(call.creator(in.umask));
    auto const name = TRY(call.in.take_name());
    return call.out.put_entry(TRY(call.fs.mknod(caller, call.node(), name, in.mode, in.rdev)));
}

FsResult<void> op_mkdir(Call& call) {
    auto const in = TRY(call.in.take<abi::MkdirIn>());
    auto const caller = TRY(call.creator(in.umask));
    auto const name = TRY(call.in.take_name());
    return call.out.put_entry(TRY(call.fs.mkdir(caller, call.node(), name, in.mode)));
}

FsResult<void> op_unlink(Call& call) {
    return call.fs.unlink(call.node(), TRY(call.in.take_name()));
}

FsResult<void> op_rmdir(Call& call) {
    return call.fs.rmdir(call.node(), TRY(call.in.take_name()));
}

static FsResult<void> rename(Call& call, uint64_t newdir, uint32_t flags) {
    auto const name = TRY(call.in.take_name());
    auto const new_name = TRY(call.in.take_name());
    return call.fs.rename(call.node(), name, call.node(newdir), new_name, flags);
}

FsResult<void> op_rename(Call& call) {
    return rename(call, TRY(call.in.take<abi::RenameIn>()).newdir, 0);
}

FsResult<void> op_rename2(Call& call) {
    auto const in = TRY(call.in.take<abi::Rename2In>());
    return rename(call, in.newdir, in.flags);
}

// The header names the new directory, the argument the file.
FsResult<void> op_link(Call& call) {
    auto const in = TRY(call.in.take<abi::LinkIn>());
    auto const new_name = TRY(call.in.take_name());
    return call.out.put_entry(TRY(call.fs.link(call.node(in.oldnodeid), call.node(), new_name)));
}

}  // namespace krun::fs
