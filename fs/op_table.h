// SPDX-License-Identifier: Apache-2.0
// The list of FUSE ops: what each is called, whether it writes, how much it answers, and who handles it. The
// server's read-only gate and its reply space check come from the rows, so a new op cannot forget them.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "fs/file_system.h"
#include "fs/interrupts.h"
#include "fs/reply.h"
#include "fs/request.h"

namespace krun::fs {

// One request on its way through a handler.
struct Call {
    FileSystem& fs;
    Request& in;
    Reply& out;
    uint64_t agreed = 0;  // INIT flags
    Interrupts* interrupts = nullptr;
    bool from_memory = false;  // nothing is to be read from the disk
    bool is_slow = false;      // and that was asked for
    bool may_wait = false;     // the answer may be given later
    bool must_wait = false;    // and is not to be given yet

    // A node id from the wire: 1 is the root, whatever the file system calls it (FUSE_ROOT_ID).
    NodeId node(uint64_t raw) const { return raw == abi::kRootId ? fs.root() : NodeId{raw}; }
    NodeId node() const { return node(in.header().nodeid); }
    // The user who creates a file. -1 would mean "keep" to the host's id calls, so it is refused: the op
    // would run with the server's own ids.
    FsResult<Caller> creator(uint32_t umask = 0) const;
};

// Which nodes must be writable.
enum class Writes {
    kNo,
    kYes,       // the header's node
    kByFlags,   // the header's node, if the first argument's open flags say so
    kBothDirs,  // the header's node and the node named first in the arguments
    kTarget,    // the node that CopyFileRangeIn calls nodeid_out
    kIoctl,     // the header's node, if the command carries data to the file (_IOC_WRITE)
};

struct Op {
    abi::Opcode opcode;
    char const* name;
    Writes writes;
    int32_t reply_bytes;           // the least body that a success answers; kNoReply: none, not even a header
    FsResult<void> (*run)(Call&);  // nullptr: ENOSYS, on purpose
    char const* note;              // what becomes of it on the host, or why it is refused: docs/virtio-fs.md
};
inline constexpr int32_t kNoReply = -1;

// All rows, one for each opcode in abi.h.
std::span<Op const> ops();
// The rows as the table of docs/virtio-fs.md.
std::string op_page();
// The row of `opcode`, or null.
Op const* find_op(abi::Opcode opcode);

// The handlers, by file.
// ops_node.cc
FsResult<void> op_lookup(Call&);
FsResult<void> op_forget(Call&);
FsResult<void> op_batch_forget(Call&);
FsResult<void> op_getattr(Call&);
FsResult<void> op_statx(Call&);
FsResult<void> op_setattr(Call&);
FsResult<void> op_readlink(Call&);
FsResult<void> op_statfs(Call&);
FsResult<void> op_syncfs(Call&);
// ops_tree.cc
FsResult<void> op_symlink(Call&);
FsResult<void> op_mknod(Call&);
FsResult<void> op_mkdir(Call&);
FsResult<void> op_unlink(Call&);
FsResult<void> op_rmdir(Call&);
FsResult<void> op_rename(Call&);
FsResult<void> op_rename2(Call&);
FsResult<void> op_link(Call&);
// ops_io.cc
FsResult<void> op_open(Call&);
FsResult<void> op_create(Call&);
FsResult<void> op_tmpfile(Call&);
FsResult<void> op_read(Call&);
FsResult<void> op_write(Call&);
FsResult<void> op_flush(Call&);
FsResult<void> op_fsync(Call&);
FsResult<void> op_release(Call&);
FsResult<void> op_fallocate(Call&);
FsResult<void> op_lseek(Call&);
FsResult<void> op_copy_file_range(Call&);
// ops_lock.cc
FsResult<void> op_getlk(Call&);
FsResult<void> op_setlk(Call&);
FsResult<void> op_setlkw(Call&);
FsResult<void> op_interrupt(Call&);
// ops_ioctl.cc
FsResult<void> op_ioctl(Call&);
// ops_dir.cc
FsResult<void> op_opendir(Call&);
FsResult<void> op_readdir(Call&);
FsResult<void> op_readdirplus(Call&);
FsResult<void> op_fsyncdir(Call&);
FsResult<void> op_releasedir(Call&);
// ops_xattr.cc
FsResult<void> op_getxattr(Call&);
FsResult<void> op_listxattr(Call&);
FsResult<void> op_setxattr(Call&);
FsResult<void> op_removexattr(Call&);

}  // namespace krun::fs
