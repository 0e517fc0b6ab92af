// SPDX-License-Identifier: Apache-2.0
// Ops on open files. Data goes between the guest's buffers and the kernel without a copy here.
#include <algorithm>
#include <climits>

#include "base/guard.h"
#include "fs/op_table.h"
#include "fs/server.h"

namespace krun::fs {

static KillPriv kill_if(bool yes) {
    return yes ? KillPriv::kYes : KillPriv::kNo;
}
static Sync sync_of(uint32_t fsync_flags) {
    return (fsync_flags & abi::kFsyncData) != 0 ? Sync::kData : Sync::kAll;
}

// Whether [offset, offset + len) lies in what a file offset can say (off_t).
static FsResult<void> check_range(uint64_t offset, uint64_t len) {
    if (!guard_stands("offset")) return {};
    if (offset > LLONG_MAX || len > LLONG_MAX - offset) return fail(Errno{EINVAL});
    return {};
}

FsResult<void> op_open(Call& call) {
    auto const in = TRY(call.in.take<abi::OpenIn>());
    auto const kill = kill_if((in.open_flags & abi::kOpenKillSuidgid) != 0);
    return call.out.put_opened(TRY(call.fs.open(call.node(), {in.flags, kill})));
}

static FsResult<void> put_created(Call& call, Created const& created) {
    TRY(call.out.put_entry(created.entry));
    return call.out.put_opened(created.opened);
}

static CreateArgs create_args(abi::CreateIn const& in) {
    return {in.flags, in.mode, kill_if((in.open_flags & abi::kOpenKillSuidgid) != 0)};
}

FsResult<void> op_create(Call& call) {
    auto const in = TRY(call.in.take<abi::CreateIn>());
    auto const caller = TRY(call.creator(in.umask));
    auto const name = TRY(call.in.take_name());
    return put_created(call, TRY(call.fs.create(caller, call.node(), name, create_args(in))));
}

// What follows the arguments is the name of a file that has none: Linux sends "/".
FsResult<void> op_tmpfile(Call& call) {
    auto const in = TRY(call.in.take<abi::CreateIn>());
    auto const caller = TRY(call.creator(in.umask));
    return put_created(call, TRY(call.fs.tmpfile(caller, call.node(), create_args(in))));
}

FsResult<void> op_read(Call& call) {
    auto const in = TRY(call.in.take<abi::ReadIn>());
    TRY(check_range(in.offset, in.size));
    auto const into = call.out.data(std::min(in.size, kMaxDataBytes));
    auto const read = call.from_memory ? call.fs.read_now(call.node(), Handle{in.fh}, in.offset, into.parts())
                                       : call.fs.read(call.node(), Handle{in.fh}, in.offset, into.parts());
    call.is_slow = call.from_memory && !read.ok() && read.error().value == EAGAIN;
    call.out.filled(TRY(read));
    return {};
}

FsResult<void> op_write(Call& call) {
    auto const in = TRY(call.in.take<abi::WriteIn>());
    if (in.size > kMaxDataBytes) return fail(Errno{EINVAL});  // more than INIT allowed
    TRY(check_range(in.offset, in.size));
    auto const from = TRY(call.in.data(in.size));
    WriteArgs const args{in.offset, in.flags, (in.write_flags & abi::kWriteCache) != 0,
                         kill_if((in.write_flags & abi::kWriteKillSuidgid) != 0)};
    auto const written = TRY(call.fs.write(call.node(), Handle{in.fh}, args, from.parts()));
    return call.out.put(abi::WriteOut{static_cast<uint32_t>(written), 0});
}

FsResult<void> op_flush(Call& call) {
    auto const in = TRY(call.in.take<abi::FlushIn>());
    return call.fs.flush(call.node(), Handle{in.fh}, in.lock_owner);
}

FsResult<void> op_fsync(Call& call) {
    auto const in = TRY(call.in.take<abi::FsyncIn>());
    return call.fs.fsync(call.node(), Handle{in.fh}, sync_of(in.fsync_flags));
}

FsResult<void> op_release(Call& call) {
    auto const in = TRY(call.in.take<abi::ReleaseIn>());
    return call.fs.release(call.node(), Handle{in.fh});
}

FsResult<void> op_fallocate(Call& call) {
    auto const in = TRY(call.in.take<abi::FallocateIn>());
    TRY(check_range(in.offset, in.length));
    return call.fs.fallocate(call.node(), Handle{in.fh}, {in.offset, in.length, in.mode});
}

FsResult<void> op_lseek(Call& call) {
    auto const in = TRY(call.in.take<abi::LseekIn>());
    if (in.offset > LLONG_MAX) return fail(Errno{ENXIO});  // before the file: lseek(2)
    return call.out.put(
        abi::LseekOut { TRY(call.fs.lseek(call.node(), Handle{in.fh}, in.offset, in.whence)) });
}

FsResult<void> op_copy_file_range(Call& call) {
    auto const in = TRY(call.in.take<abi::CopyFileRangeIn>());
    TRY(check_range(in.off_in, 0));
    TRY(check_range(in.off_out, 0));
    if (in.flags != 0) return fail(Errno{EINVAL});
    auto const copied =
        TRY(call.fs.copy_file_range({call.node(), Handle{in.fh_in}, in.off_in, call.node(in.nodeid_out),
                                     Handle{in.fh_out}, in.off_out, in.len}));
    return call.out.put(abi::WriteOut{static_cast<uint32_t>(copied), 0});
}

}  // namespace krun::fs
