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
    {Opcode::kLookup, "LOOKUP", Writes::kNo, kEntry, op_lookup,
     "one component, by openat2 or statx beneath its directory; never through a link"},
    {Opcode::kForget, "FORGET", Writes::kNo, kNoReply, op_forget,
     "references given back; at most as many as there are"},
    {Opcode::kGetattr, "GETATTR", Writes::kNo, kAttr, op_getattr, "statx of the node or of the handle"},
    {Opcode::kSetattr, "SETATTR", Writes::kYes, kAttr, op_setattr,
     "owner, mode, size, times, in this order; -1 as an id is refused"},
    {Opcode::kReadlink, "READLINK", Writes::kNo, 0, op_readlink,
     "the text of the link, which the host never follows"},
    {Opcode::kSymlink, "SYMLINK", Writes::kYes, kEntry, op_symlink,
     "the target is stored as it is; 4,095 bytes at most"},
    {Opcode::kMknod, "MKNOD", Writes::kYes, kEntry, op_mknod,
     "files, fifos, sockets and the whiteout 0:0; other devices are EPERM"},
    {Opcode::kMkdir, "MKDIR", Writes::kYes, kEntry, op_mkdir,
     "belongs to the caller, setgid directories give their group"},
    {Opcode::kUnlink, "UNLINK", Writes::kYes, 0, op_unlink,
     "the file stays as long as the guest has it open or remembers it"},
    {Opcode::kRmdir, "RMDIR", Writes::kYes, 0, op_rmdir, "ENOTEMPTY, too, if virtual names are in it"},
    {Opcode::kRename, "RENAME", Writes::kBothDirs, 0, op_rename, "as RENAME2 without flags"},
    {Opcode::kLink, "LINK", Writes::kYes, kEntry, op_link,
     "links to the inode itself, also to one without a name (O_TMPFILE)"},
    {Opcode::kOpen, "OPEN", Writes::kByFlags, kOpened, op_open,
     "regular files only, by descriptor; access mode, O_TRUNC, O_SYNC and O_DSYNC reach the host"},
    {Opcode::kRead, "READ", Writes::kNo, 0, op_read,
     "from the host's page cache into the guest's buffers; what is not in it, by a helper; 1 MiB at most"},
    {Opcode::kWrite, "WRITE", Writes::kYes, sizeof(abi::WriteOut), op_write,
     "O_APPEND is carried out on the host; ends setuid, setgid and capabilities when the guest asks"},
    {Opcode::kStatfs, "STATFS", Writes::kNo, sizeof(abi::Kstatfs), op_statfs, "the host file system's"},
    {Opcode::kRelease, "RELEASE", Writes::kNo, 0, op_release, "closes the descriptor"},
    {Opcode::kFsync, "FSYNC", Writes::kNo, 0, op_fsync, "fsync or fdatasync"},
    {Opcode::kSetxattr, "SETXATTR", Writes::kYes, 0, op_setxattr,
     "`user.*`, `security.capability`, POSIX ACLs; `trusted.*` as the guest's own; all others are "
     "EOPNOTSUPP"},
    {Opcode::kGetxattr, "GETXATTR", Writes::kNo, 0, op_getxattr,
     "of the same; an ACL that cannot be is ENODATA"},
    {Opcode::kListxattr, "LISTXATTR", Writes::kNo, 0, op_listxattr, "of the same"},
    {Opcode::kRemovexattr, "REMOVEXATTR", Writes::kYes, 0, op_removexattr, "of the same"},
    {Opcode::kFlush, "FLUSH", Writes::kNo, 0, op_flush,
     "closes a duplicate, so that a network file system tells of its errors; not asked for others"},
    {Opcode::kInit, "INIT", Writes::kNo, sizeof(abi::InitOut), nullptr,
     "once; flags that are not offered are not taken"},
    {Opcode::kOpendir, "OPENDIR", Writes::kNo, kOpened, op_opendir, "by descriptor"},
    {Opcode::kReaddir, "READDIR", Writes::kNo, 0, op_readdir,
     "getdents64, from the host's own position; virtual names first"},
    {Opcode::kReleasedir, "RELEASEDIR", Writes::kNo, 0, op_releasedir, "closes the descriptor"},
    {Opcode::kFsyncdir, "FSYNCDIR", Writes::kNo, 0, op_fsyncdir, "fsync or fdatasync of the directory"},
    {Opcode::kGetlk, "GETLK", Writes::kNo, sizeof(abi::LkOut), op_getlk,
     "F_OFD_GETLK; the process id only of a holder in the same guest; ENOSYS when locks are the guest's own"},
    {Opcode::kSetlk, "SETLK", Writes::kNo, 0, op_setlk,
     "F_OFD_SETLK on a descriptor of the owner's own, flock on the handle's; ENOSYS as above"},
    {Opcode::kSetlkw, "SETLKW", Writes::kNo, 0, op_setlkw,
     "SETLK, tried again until it is granted or interrupted, EDEADLK in a circle; 64 wait at once, then "
     "ENOLCK"},
    {Opcode::kAccess, "ACCESS", Writes::kNo, 0, nullptr,
     "the guest decides on access by itself (default_permissions)"},
    {Opcode::kCreate, "CREATE", Writes::kYes, kEntry + kOpened, op_create,
     "O_CREAT and O_EXCL on the host first; opens what is there if that may be"},
    {Opcode::kInterrupt, "INTERRUPT", Writes::kNo, 0, op_interrupt,
     "ends a SETLKW that waits; nothing else waits, and Linux 6.12 does not send it over virtio-fs"},
    {Opcode::kBmap, "BMAP", Writes::kNo, 0, nullptr, "only block devices have blocks to tell"},
    {Opcode::kDestroy, "DESTROY", Writes::kNo, 0, nullptr, "forgets all nodes and closes all handles"},
    {Opcode::kIoctl, "IOCTL", Writes::kIoctl, sizeof(abi::IoctlOut), op_ioctl,
     "FS_IOC_GETFLAGS, SETFLAGS (hints only), FSGETXATTR, FSSETXATTR; all others are ENOTTY"},
    {Opcode::kPoll, "POLL", Writes::kNo, 0, nullptr, "regular files are always ready"},
    {Opcode::kNotifyReply, "NOTIFY_REPLY", Writes::kNo, 0, nullptr, "no notification is sent"},
    {Opcode::kBatchForget, "BATCH_FORGET", Writes::kNo, kNoReply, op_batch_forget,
     "the count is a bound, the request its end"},
    {Opcode::kFallocate, "FALLOCATE", Writes::kYes, 0, op_fallocate,
     "0, KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE; always ends setuid, setgid and capabilities"},
    {Opcode::kReaddirplus, "READDIRPLUS", Writes::kNo, 0, op_readdirplus,
     "READDIR with one statx for each name"},
    {Opcode::kRename2, "RENAME2", Writes::kBothDirs, 0, op_rename2,
     "NOREPLACE, EXCHANGE, WHITEOUT; what is virtual is EPERM"},
    {Opcode::kLseek, "LSEEK", Writes::kNo, sizeof(abi::LseekOut), op_lseek, "SEEK_DATA and SEEK_HOLE"},
    {Opcode::kCopyFileRange, "COPY_FILE_RANGE", Writes::kTarget, sizeof(abi::WriteOut), op_copy_file_range,
     "64 MiB at most a request; between two trees EXDEV, and the guest copies by itself"},
    {Opcode::kSetupmapping, "SETUPMAPPING", Writes::kYes, 0, nullptr, "no DAX window is offered"},
    {Opcode::kRemovemapping, "REMOVEMAPPING", Writes::kNo, 0, nullptr, "no DAX window is offered"},
    {Opcode::kSyncfs, "SYNCFS", Writes::kNo, 0, op_syncfs,
     "syncfs of the tree; nothing to do for a read-only one"},
    {Opcode::kTmpfile, "TMPFILE", Writes::kYes, kEntry + kOpened, op_tmpfile,
     "O_TMPFILE on the host; held by its descriptor until it is forgotten or linked"},
    {Opcode::kStatx, "STATX", Writes::kNo, sizeof(abi::StatxOut), op_statx, "GETATTR with the time of birth"},
};

std::span<Op const> ops() {
    return kOps;
}

std::string op_page() {
    std::string page = "| operation | answer | what becomes of it |\n|---|---|---|\n";
    for (auto const& op : kOps) {
        // INIT and DESTROY are the server's own.
        bool const refused = op.run == nullptr && op.opcode != Opcode::kInit && op.opcode != Opcode::kDestroy;
        page += std::string("| ") + op.name + " | " +
                (refused                    ? "ENOSYS"
                 : op.writes == Writes::kNo ? "served"
                                            : "served, EROFS on a read-only tree") +
                " | " + op.note + " |\n";
    }
    return page;
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
