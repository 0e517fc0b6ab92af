// SPDX-License-Identifier: Apache-2.0
// Serves a directory tree, or one file, of the host.
//
// Every host object is reached from the tree's own descriptor, one component at a time, never through a
// symbolic link and never through "..". Only regular files and directories are ever opened; devices, fifos
// and sockets exist for the guest to see, and mean something only to the guest's own kernel. No path of a
// file is stored. Who may do what is the guest kernel's decision (virtio-fs mounts have default_permissions);
// the host's is which tree, and whether it may be written.
#pragma once
#include <fcntl.h>

#include <memory>

#include "base/error.h"
#include "base/unique_fd.h"
#include "fs/handle_table.h"
#include "fs/passthrough/budget.h"
#include "fs/passthrough/inode_store.h"
#include "fs/passthrough/lock_owners.h"
#include "fs/passthrough/lock_waits.h"
#include "fs/passthrough/open_files.h"
#include "fs/passthrough/options.h"
#include "fs/passthrough/spending.h"

namespace krun::fs {

// A descriptor of this process's /proc/self/fd, by which O_PATH descriptors are opened. To be called in the
// process that will serve, as long as it still sees /proc; the descriptor works after it no longer does.
Result<UniqueFd> open_proc_self_fd();

class Passthrough final : public FileSystem {
public:
    // `tree` is an O_PATH descriptor of a directory or regular file; a detached mount (open_tree(2)) keeps
    // other mounts out. Refuses kernel file systems (proc, sysfs, cgroup, the host's /dev …), whose files act
    // on the host itself. Sets the process's umask to 0: the guest's own has been applied to each mode.
    static Result<std::unique_ptr<Passthrough>> make(UniqueFd tree, UniqueFd proc_self_fd,
                                                     PassthroughOptions options, NodeIds& ids);

    // For tests and for the state of a machine.
    size_t node_count() const { return store_.node_count(); }
    size_t cached_fd_count() const { return store_.fd_count(); }
    size_t handle_count() const { return files_.size() + dirs_.size(); }
    size_t lock_owner_count() const { return locks_.size(); }
    Budget::Usage spent() const { return budget_ ? budget_->usage() : Budget::Usage{}; }

    NodeId root() const override { return range_.root(); }
    void list_prefixes(std::vector<uint16_t>& out) const override { out.push_back(range_.prefix()); }
    bool read_only(NodeId) const override { return options_.read_only; }
    void keep(NodeId node) override { store_.keep(node); }
    void destroy() override;

    // node.cc
    FsResult<Entry> lookup(NodeId, std::string_view) override;
    void forget(NodeId node, uint64_t count) override { store_.forget(node, count); }
    FsResult<Attributes> getattr(NodeId, std::optional<Handle>) override;
    FsResult<std::string> readlink(NodeId) override;
    FsResult<abi::Kstatfs> statfs(NodeId) override;
    FsResult<void> syncfs(NodeId) override;
    // attr.cc
    FsResult<Attributes> setattr(NodeId, SetAttr const&) override;

    // tree.cc
    FsResult<Entry> symlink(Caller, NodeId, std::string_view, std::string_view) override;
    FsResult<Entry> mknod(Caller, NodeId, std::string_view, uint32_t, uint32_t) override;
    FsResult<Entry> mkdir(Caller, NodeId, std::string_view, uint32_t) override;
    FsResult<void> unlink(NodeId, std::string_view) override;
    FsResult<void> rmdir(NodeId, std::string_view) override;
    FsResult<void> rename(NodeId, std::string_view, NodeId, std::string_view, uint32_t) override;
    FsResult<Entry> link(NodeId, NodeId, std::string_view) override;

    // open.cc
    FsResult<Opened> open(NodeId, OpenArgs) override;
    FsResult<Created> create(Caller, NodeId, std::string_view, CreateArgs) override;
    FsResult<Created> tmpfile(Caller, NodeId, CreateArgs) override;

    // io.cc
    FsResult<size_t> read(NodeId, Handle, uint64_t, std::span<iovec const>) override;
    FsResult<size_t> read_now(NodeId, Handle, uint64_t, std::span<iovec const>) override;
    FsResult<size_t> write(NodeId, Handle, WriteArgs, std::span<iovec const>) override;
    FsResult<void> flush(NodeId, Handle, uint64_t) override;
    FsResult<void> fsync(NodeId, Handle, Sync) override;
    FsResult<void> release(NodeId node, Handle handle) override;
    FsResult<void> fallocate(NodeId, Handle, FallocateArgs) override;
    FsResult<uint64_t> lseek(NodeId, Handle, uint64_t, uint32_t) override;
    FsResult<size_t> copy_file_range(CopyArgs const&) override;

    // lock.cc
    bool host_locks() const override { return options_.host_locks; }
    bool posix_acls() const override { return options_.posix_acls; }
    FsResult<abi::FileLock> getlk(NodeId, LockArgs const&) override;
    FsResult<void> setlk(NodeId, LockArgs const&) override;
    void stop_waiting(NodeId node, LockArgs const& args) override { waits_.end(node, args.owner); }

    // dir.cc
    FsResult<Opened> opendir(NodeId, uint32_t) override;
    FsResult<void> readdir(NodeId, Handle, uint64_t, DirSink&) override;
    FsResult<void> fsyncdir(NodeId, Handle, Sync) override;
    FsResult<void> releasedir(NodeId node, Handle handle) override { return dirs_.remove(node, handle); }

    // xattr.cc
    FsResult<size_t> getxattr(NodeId, std::string_view, std::span<std::byte>) override;
    FsResult<size_t> listxattr(NodeId, std::span<std::byte>) override;
    FsResult<void> setxattr(NodeId, std::string_view, std::span<std::byte const>, SetxattrArgs) override;
    FsResult<void> removexattr(NodeId, std::string_view) override;

    // file_flags.cc
    FsResult<void> ioctl(NodeId, uint32_t, std::span<std::byte>) override;

private:
    Passthrough(UniqueFd tree, FileStat const& root, UniqueFd proc, PassthroughOptions options, NodeIds& ids);

    // open_beneath and reopen; when the process is out of descriptors, the cache gives its own back first.
    FsResult<UniqueFd> open_name(InodeStore::Node const& dir, std::string_view name, int flags,
                                 mode_t mode = 0);
    FsResult<UniqueFd> open_file(InodeStore::Node const& at, int flags);
    // That of a handle by which the node is open, whatever for; null if none is known.
    SharedFd open_already(NodeId node) const;
    FsResult<SharedFd> open_for_xattr(NodeId node, InodeStore::Node const& at);
    // A node with a descriptor: its O_PATH descriptor or, while the cache has none, that of a handle by which
    // it is open. With neither it is opened again.
    FsResult<InodeStore::Node> reach(NodeId node);
    // The same for a directory: ENOTDIR else.
    FsResult<InodeStore::Node> reach_dir(NodeId node);
    FsResult<SharedFd> open_in(InodeStore::Node const& dir, std::string_view name,
                               FileIdentity const& expected, mode_t type);
    FsResult<Entry> lookup_in(NodeId parent, InodeStore::Node const& dir, std::string_view name);
    FsResult<Entry> entry_of(NodeId parent, InodeStore::Node const& dir, std::string_view name, FileStat stat,
                             SharedFd fd);
    Entry listed_entry(NodeId parent, InodeStore::Node const& dir, std::string_view name);
    bool list_one(NodeId node, InodeStore::Node const& dir, DirEntry entry, DirSink& out);
    FsResult<Opened> open_node(NodeId node, InodeStore::Node const& at, OpenArgs args);
    FsResult<Created> make_file(Caller caller, NodeId parent, InodeStore::Node const& dir,
                                std::string_view name, CreateArgs args);
    FsResult<Created> adopt(Entry const& entry, FileIdentity const& identity, UniqueFd fd, int flags,
                            Budget::SharedCharge charge);
    FsResult<void> resize(NodeId node, InodeStore::Node const& at, SetAttr const& set);

    FsResult<SharedFd> lock_descriptor(NodeId node, LockArgs const& args);
    std::optional<LockOwners::Holder> holder_of(NodeId node, uint64_t asking, struct flock conflict) const;
    bool would_wait_for_itself(NodeId node, LockArgs const& args, BorrowedFd own);
    FileSystemKind kind_at(FileIdentity const& identity, BorrowedFd file) const;
    // FOPEN_* of a file that was opened with these flags.
    uint32_t open_flags(FileSystemKind kind, int flags) const;
    // Whether what the guest has of a file's data is still good.
    bool keeps_data(NodeId node, FileIdentity const& identity, BorrowedFd file);

    // Nothing happens in these without a budget; a charge is null then.
    FsResult<std::optional<Budget::Room>> room_for_one() const;
    Budget::SharedCharge charge_of(BorrowedFd file) const;
    Budget::SharedCharge charge_of_new(FileStat const& stat) const;
    void count_new(InodeStore::Node const& dir, std::string_view name) const;
    FsResult<Spending> spend(Budget::SharedCharge charge, BorrowedFd file, uint64_t bytes) const;
    FsResult<Spending> spend_write(OpenFile const& file, uint64_t offset, std::span<iovec const> from) const;

    // A remembered file that is about to lose the name it goes by. Its descriptor holds its charge, too.
    struct Losing {
        FileIdentity identity;
        SharedFd fd;
        Budget::SharedCharge charge;
    };
    void count_lost(Losing const& losing) const;
    std::optional<Losing> about_to_lose(InodeStore::Node const& dir, std::string_view name);
    FsResult<void> remove(NodeId parent, std::string_view name, int unlinkat_flags);

    Entry decorate(NodeId node, FileStat const& stat) const;
    Attributes decorate(FileStat const& stat) const;
    Validity attr_valid() const;
    std::optional<Entry> negative() const;
    bool sole_writer() const { return options_.sharing == Sharing::kSoleWriter; }

    PassthroughOptions const options_;
    NodeIdRange range_;
    UniqueFd const proc_self_fd_;
    // Of the tree itself; mounts in it may be of another kind.
    uint64_t const mount_;
    FileSystemKind const kind_;
    std::unique_ptr<Budget> const budget_;  // before what holds charges; may be null
    InodeStore store_;
    HandleTable<OpenFile> files_;
    HandleTable<OpenDir> dirs_;
    LockOwners locks_;
    LockWaits waits_;
};

}  // namespace krun::fs
