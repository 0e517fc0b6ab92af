// SPDX-License-Identifier: Apache-2.0
// What a file system implements to be served to a guest: one method an op, each answering ENOSYS until
// overridden, so a file system lists only what it supports. Every method may be called from several threads
// at once and may block. Names are one component, already checked (never "", ".", "..", '/', NUL or > 255
// bytes); everything else in the arguments is the guest's choice.
#pragma once
#include <sys/uio.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "fs/abi.h"
#include "fs/node_id.h"

namespace krun::fs {

template <class T>
using FsResult = Result<T, Errno>;
using Validity = std::chrono::nanoseconds;  // how long the guest may answer from its cache

enum class Handle : uint64_t {};  // an open file or directory of the file system that gave it

enum class KillPriv { kNo, kYes };  // clear setuid, setgid and file capabilities (FUSE_*_KILL_SUIDGID)
enum class Sync { kAll, kData };    // fsync or fdatasync

// Who asks, as the guest says. Only ops that create a file look: what they make belongs to the caller.
struct Caller {
    uint32_t uid;
    uint32_t gid;
    // Permission bits that a new file does not get, unless its directory has a default ACL (acl(5)).
    uint32_t umask = 0;
    // The directory's group, if the caller is in it by way of its supplementary groups.
    std::optional<uint32_t> group = std::nullopt;
};

struct Attributes {
    abi::Attr attr{};
    Validity valid{};
    std::optional<abi::SxTime> born = std::nullopt;  // where the file system knows
};

// A name's file. `node` == kNoNode says that the name does not exist, and for how long that holds.
struct Entry {
    NodeId node = kNoNode;
    abi::Attr attr{};
    Validity entry_valid{};
    Validity attr_valid{};
};

struct Opened {
    Handle handle{};
    uint32_t open_flags = 0;  // FOPEN_*
};

struct Created {
    Entry entry;
    Opened opened;
};

struct OpenArgs {
    uint32_t flags;  // O_*, unmasked
    KillPriv kill = KillPriv::kNo;
};

struct CreateArgs {
    uint32_t flags;
    uint32_t mode;  // Caller::umask is not applied yet
    KillPriv kill = KillPriv::kNo;
};

struct WriteArgs {
    uint64_t offset;               // bytes from the start of the file
    uint32_t flags;                // the guest file's O_* flags
    bool from_page_cache = false;  // written back later, not by the process that opened the handle
    KillPriv kill = KillPriv::kNo;
};

enum class LockKind {
    kRange,  // of bytes: POSIX and open file description locks
    kWhole,  // flock(2)
};

struct LockArgs {
    Handle handle;
    uint64_t owner;      // a process or an open file of the guest; a number that means nothing else
    abi::FileLock lock;  // type and range are checked
    LockKind kind = LockKind::kRange;
    bool waits = false;  // until it is granted
};

struct FallocateArgs {
    uint64_t offset;
    uint64_t length;
    uint32_t mode;  // FALLOC_FL_*
};

struct CopyArgs {
    NodeId in;
    Handle handle_in;
    uint64_t offset_in;
    NodeId out;
    Handle handle_out;
    uint64_t offset_out;
    uint64_t length;
};

struct SetxattrArgs {
    uint32_t flags;                      // XATTR_CREATE or XATTR_REPLACE
    KillPriv kill_sgid = KillPriv::kNo;  // an access ACL by somebody who is not in the file's group
};

// The SETATTR request; `in.valid` says which members count. `handle` is set when the guest named one.
struct SetAttr {
    abi::SetattrIn in;
    std::optional<Handle> handle;
};

struct DirEntry {
    uint64_t ino;
    uint64_t next_offset;  // readdir from here continues after this entry
    uint32_t type;         // DT_*
    std::string_view name;
};

// Takes directory entries until the reply is full.
class DirSink {
public:
    virtual ~DirSink() = default;
    // Whether this listing carries attributes (READDIRPLUS); if not, add() ignores `entry`.
    virtual bool wants_entries() const = 0;
    // Bytes of getdents64(2) that about fill what is left of the reply; a hint for how much to read ahead.
    virtual size_t wanted_bytes() const = 0;
    // Whether an entry with a name of `name_bytes` still fits. Ask before taking a lookup reference.
    virtual bool fits(size_t name_bytes) const = 0;
    // False: it did not fit, nothing was added. An Entry with kNoNode makes the guest look up by itself.
    virtual bool add(DirEntry const& dir_entry, Entry const& entry) = 0;
};

class FileSystem {
public:
    virtual ~FileSystem() = default;

    // ---- what it is ----
    virtual NodeId root() const = 0;
    // Appends each node id prefix that this file system answers for.
    virtual void list_prefixes(std::vector<uint16_t>& out) const = 0;
    // Whether writing below `node` is refused with EROFS. Asked by the server before every op that writes.
    virtual bool read_only(NodeId) const { return false; }
    // From now on FORGET and DESTROY leave `node` alone: a layer above refers to it.
    virtual void keep(NodeId) {}
    // The guest unmounted: drop its lookup references and handles. No other op runs at the same time.
    virtual void destroy() {}

    // ---- nodes ----
    // On success with a node the guest holds one more reference to it, given back by forget().
    virtual FsResult<Entry> lookup(NodeId /*parent*/, std::string_view /*name*/) { return nosys(); }
    // Gives back `count` references, or as many as there are.
    virtual void forget(NodeId, uint64_t /*count*/) {}
    virtual FsResult<Attributes> getattr(NodeId, std::optional<Handle>) { return nosys(); }
    virtual FsResult<Attributes> setattr(NodeId, SetAttr const&) { return nosys(); }
    virtual FsResult<std::string> readlink(NodeId) { return nosys(); }
    virtual FsResult<abi::Kstatfs> statfs(NodeId) { return nosys(); }
    virtual FsResult<void> syncfs(NodeId) { return nosys(); }

    // ---- the tree; each Entry carries a reference, as from lookup() ----
    virtual FsResult<Entry> symlink(Caller, NodeId /*parent*/, std::string_view /*name*/,
                                    std::string_view /*target*/) {
        return nosys();
    }
    virtual FsResult<Entry> mknod(Caller, NodeId /*parent*/, std::string_view /*name*/, uint32_t /*mode*/,
                                  uint32_t /*rdev*/) {
        return nosys();
    }
    virtual FsResult<Entry> mkdir(Caller, NodeId /*parent*/, std::string_view /*name*/, uint32_t /*mode*/) {
        return nosys();
    }
    virtual FsResult<void> unlink(NodeId /*parent*/, std::string_view /*name*/) { return nosys(); }
    virtual FsResult<void> rmdir(NodeId /*parent*/, std::string_view /*name*/) { return nosys(); }
    // `flags` are renameat2's RENAME_*.
    virtual FsResult<void> rename(NodeId /*parent*/, std::string_view /*name*/, NodeId /*new_parent*/,
                                  std::string_view /*new_name*/, uint32_t /*flags*/) {
        return nosys();
    }
    // A file without a name (O_TMPFILE), open; link() may give it one.
    virtual FsResult<Created> tmpfile(Caller, NodeId /*directory*/, CreateArgs) { return nosys(); }
    virtual FsResult<Entry> link(NodeId /*node*/, NodeId /*new_parent*/, std::string_view /*new_name*/) {
        return nosys();
    }

    // ---- files ----
    virtual FsResult<Opened> open(NodeId, OpenArgs) { return nosys(); }
    virtual FsResult<Created> create(Caller, NodeId /*parent*/, std::string_view /*name*/, CreateArgs) {
        return nosys();
    }
    // Fills `into` from `offset` on; fewer bytes than asked for only at the end of the file.
    virtual FsResult<size_t> read(NodeId, Handle, uint64_t /*offset*/, std::span<iovec const> /*into*/) {
        return nosys();
    }
    // The same, but EAGAIN if that would wait for the disk; `into` is then unspecified.
    virtual FsResult<size_t> read_now(NodeId node, Handle handle, uint64_t offset,
                                      std::span<iovec const> into) {
        return read(node, handle, offset, into);
    }
    // Returns the bytes written; fewer than given when the host ran out of space.
    virtual FsResult<size_t> write(NodeId, Handle, WriteArgs, std::span<iovec const> /*from*/) {
        return nosys();
    }
    // One guest descriptor was closed by `owner`, whose range locks on the file end; the handle stays open.
    virtual FsResult<void> flush(NodeId, Handle, uint64_t /*owner*/) { return nosys(); }
    virtual FsResult<void> fsync(NodeId, Handle, Sync) { return nosys(); }
    virtual FsResult<void> release(NodeId, Handle) { return nosys(); }
    virtual FsResult<void> fallocate(NodeId, Handle, FallocateArgs) { return nosys(); }
    // `whence` is SEEK_DATA or SEEK_HOLE.
    virtual FsResult<uint64_t> lseek(NodeId, Handle, uint64_t /*offset*/, uint32_t /*whence*/) {
        return nosys();
    }
    virtual FsResult<size_t> copy_file_range(CopyArgs const&) { return nosys(); }

    // ---- locks: not asked unless host_locks() ----
    // Whether locks are the host's, so that they exclude other guests and processes of the host, too.
    virtual bool host_locks() const { return false; }

    // Whether the guest shall ask for POSIX ACLs, of all of the connection.
    virtual bool posix_acls() const { return false; }
    // The lock that stands in the way of this one, or F_UNLCK.
    virtual FsResult<abi::FileLock> getlk(NodeId, LockArgs const&) { return fail(Errno{ENOLCK}); }
    // Takes, changes or lets go. EAGAIN, at once, if something stands in the way; of one that waits EDEADLK
    // if that waits for itself.
    virtual FsResult<void> setlk(NodeId, LockArgs const&) { return fail(Errno{ENOLCK}); }
    // One that was EAGAIN is not waited for any more.
    virtual void stop_waiting(NodeId, LockArgs const&) {}

    // ---- directories ----
    virtual FsResult<Opened> opendir(NodeId, uint32_t /*flags*/) { return nosys(); }
    // Lists from `offset` (0, or a DirEntry::next_offset) until the end or until `out` is full.
    virtual FsResult<void> readdir(NodeId, Handle, uint64_t /*offset*/, DirSink& /*out*/) { return nosys(); }
    virtual FsResult<void> fsyncdir(NodeId, Handle, Sync) { return nosys(); }
    virtual FsResult<void> releasedir(NodeId, Handle) { return nosys(); }

    // ---- extended attributes ----
    // Fills `value` and returns the attribute's size; an empty `value` asks for the size alone. ERANGE if
    // it does not fit.
    virtual FsResult<size_t> getxattr(NodeId, std::string_view /*name*/, std::span<std::byte> /*value*/) {
        return nosys();
    }
    // As getxattr; `names` receives NUL-terminated names.
    virtual FsResult<size_t> listxattr(NodeId, std::span<std::byte> /*names*/) { return nosys(); }
    virtual FsResult<void> setxattr(NodeId, std::string_view /*name*/, std::span<std::byte const> /*value*/,
                                    SetxattrArgs) {
        return nosys();
    }
    virtual FsResult<void> removexattr(NodeId, std::string_view /*name*/) { return nosys(); }
    // FS_IOC_GETFLAGS, SETFLAGS, FSGETXATTR or FSSETXATTR; `data` is the argument, in and out, of the size
    // that `command` says.
    virtual FsResult<void> ioctl(NodeId, uint32_t /*command*/, std::span<std::byte> /*data*/) {
        return fail(Errno{ENOTTY});
    }

protected:
    static Failure<Errno> nosys() { return fail(Errno{ENOSYS}); }
};

}  // namespace krun::fs
