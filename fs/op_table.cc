// SPDX-License-Identifier: Apache-2.0
// The rows, in the order of fuse_kernel.h.
#include "fs/op_table.h"

#include <array>

#include "base/guard.h"

namespace krun::fs {

using abi::Opcode;

static constexpr int32_t kEntry = sizeof(abi::EntryOut);
static constexpr int32_t kAttr = sizeof(abi::AttrOut);
static constexpr int32_t kOpened = sizeof(abi::OpenOut);

static constexpr Op kOps[] = {
    {Opcode::kLookup, "LOOKUP", Writes::kNo, kEntry, op_lookup},
    {Opcode::kForget, "FORGET", Writes::kNo, kNoReply, op_forget},
    {Opcode::kGetattr, "GETATTR", Writes::kNo, kAttr, op_getattr},
    {Opcode::kSetattr, "SETATTR", Writes::kYes, kAttr, op_setattr},
    {Opcode::kReadlink, "READLINK", Writes::kNo, 0, op_readlink},
    {Opcode::kSymlink, "SYMLINK", Writes::kYes, kEntry, op_symlink},
    {Opcode::kMknod, "MKNOD", Writes::kYes, kEntry, op_mknod},
    {Opcode::kMkdir, "MKDIR", Writes::kYes, kEntry, op_mkdir},
    {Opcode::kUnlink, "UNLINK", Writes::kYes, 0, op_unlink},
    {Opcode::kRmdir, "RMDIR", Writes::kYes, 0, op_rmdir},
    {Opcode::kRename, "RENAME", Writes::kBothDirs, 0, op_rename},
    {Opcode::kLink, "LINK", Writes::kYes, kEntry, op_link},
    {Opcode::kOpen, "OPEN", Writes::kByFlags, kOpened, op_open},
    {Opcode::kRead, "READ", Writes::kNo, 0, op_read},
    {Opcode::kWrite, "WRITE", Writes::kYes, sizeof(abi::WriteOut), op_write},
    {Opcode::kStatfs, "STATFS", Writes::kNo, sizeof(abi::Kstatfs), op_statfs},
    {Opcode::kRelease, "RELEASE", Writes::kNo, 0, op_release},
    {Opcode::kFsync, "FSYNC", Writes::kNo, 0, op_fsync},
    {Opcode::kSetxattr, "SETXATTR", Writes::kYes, 0, op_setxattr},
    {Opcode::kGetxattr, "GETXATTR", Writes::kNo, 0, op_getxattr},
    {Opcode::kListxattr, "LISTXATTR", Writes::kNo, 0, op_listxattr},
    {Opcode::kRemovexattr, "REMOVEXATTR", Writes::kYes, 0, op_removexattr},
    {Opcode::kFlush, "FLUSH", Writes::kNo, 0, op_flush},
    {Opcode::kInit, "INIT", Writes::kNo, sizeof(abi::InitOut), nullptr},  // by the server itself
    {Opcode::kOpendir, "OPENDIR", Writes::kNo, kOpened, op_opendir},
    {Opcode::kReaddir, "READDIR", Writes::kNo, 0, op_readdir},
    {Opcode::kReleasedir, "RELEASEDIR", Writes::kNo, 0, op_releasedir},
    {Opcode::kFsyncdir, "FSYNCDIR", Writes::kNo, 0, op_fsyncdir},
    // Locks stay in the guest (no FUSE_POSIX_LOCKS): one that waits here would stop the whole device.
    {Opcode::kGetlk, "GETLK", Writes::kNo, 0, nullptr},
    {Opcode::kSetlk, "SETLK", Writes::kNo, 0, nullptr},
    {Opcode::kSetlkw, "SETLKW", Writes::kNo, 0, nullptr},
    {Opcode::kAccess, "ACCESS", Writes::kNo, 0, nullptr},  // the guest checks permissions by itself
    {Opcode::kCreate, "CREATE", Writes::kYes, kEntry + kOpened, op_create},
    {Opcode::kInterrupt, "INTERRUPT", Writes::kNo, 0, nullptr},  // no op waits for the guest
    {Opcode::kBmap, "BMAP", Writes::kNo, 0, nullptr},
    {Opcode::kDestroy, "DESTROY", Writes::kNo, 0, nullptr},  // by the server itself
    {Opcode::kIoctl, "IOCTL", Writes::kIoctl, sizeof(abi::IoctlOut), op_ioctl},
    {Opcode::kPoll, "POLL", Writes::kNo, 0, nullptr},  // files are always ready
    {Opcode::kNotifyReply, "NOTIFY_REPLY", Writes::kNo, 0, nullptr},
    {Opcode::kBatchForget, "BATCH_FORGET", Writes::kNo, kNoReply, op_batch_forget},
    {Opcode::kFallocate, "FALLOCATE", Writes::kYes, 0, op_fallocate},
    {Opcode::kReaddirplus, "READDIRPLUS", Writes::kNo, 0, op_readdirplus},
    {Opcode::kRename2, "RENAME2", Writes::kBothDirs, 0, op_rename2},
    {Opcode::kLseek, "LSEEK", Writes::kNo, sizeof(abi::LseekOut), op_lseek},
    {Opcode::kCopyFileRange, "COPY_FILE_RANGE", Writes::kTarget, sizeof(abi::WriteOut), op_copy_file_range},
    // No DAX window is offered.
    {Opcode::kSetupmapping, "SETUPMAPPING", Writes::kYes, 0, nullptr},
    {Opcode::kRemovemapping, "REMOVEMAPPING", Writes::kNo, 0, nullptr},
    {Opcode::kSyncfs, "SYNCFS", Writes::kNo, 0, op_syncfs},
    {Opcode::kTmpfile, "TMPFILE", Writes::kYes, kEntry + kOpened, op_tmpfile},
    {Opcode::kStatx, "STATX", Writes::kNo, sizeof(abi::StatxOut), op_statx},
};

std::span<Op const> ops() {
    return kOps;
}

Op const* find_op(Opcode opcode) {
    static auto const kByOpcode = [] {
        std::array<Op const*, abi::kOpcodeLimit> table{};
        for (auto const& op : kOps) table[static_cast<uint32_t>(op.opcode)] = &op;
        return table;
    }();
    auto const number = static_cast<uint32_t>(opcode);
    return number < kByOpcode.size() ? kByOpcode[number] : nullptr;
}

FsResult<Caller> Call::creator(uint32_t umask) const {
    auto const& header = in.header();
    if (guard_stands("nobody") && (header.uid == UINT32_MAX || header.gid == UINT32_MAX))
        return fail(Errno{EINVAL});
    return Caller {
        header.uid, header.gid, umask & 0777, TRY(in.group())
    };
}

}  // namespace krun::fs
