// SPDX-License-Identifier: Apache-2.0
// Forwards each op to the file system that owns its node: the base of decorators and of compositions, which
// override only what they change. An op on two nodes of different owners is EXDEV.
#pragma once
#include "fs/file_system.h"

namespace krun::fs {

class ForwardingFs : public FileSystem {
public:
    bool read_only(NodeId n) const override {
        auto const* fs = owner(n);
        return fs != nullptr && fs->read_only(n);
    }
    void keep(NodeId n) override {
        if (auto* fs = owner(n)) fs->keep(n);
    }

    FsResult<Entry> lookup(NodeId p, std::string_view name) override {
        return TRY(at(p))
        ->lookup(p, name);
    }
    void forget(NodeId n, uint64_t count) override {
        if (auto* fs = owner(n)) fs->forget(n, count);
    }
    FsResult<Attributes> getattr(NodeId n, std::optional<Handle> h) override {
        return TRY(at(n))
        ->getattr(n, h);
    }
    FsResult<Attributes> setattr(NodeId n, SetAttr const& set) override {
        return TRY(at(n))
        ->setattr(n, set);
    }
    FsResult<std::string> readlink(NodeId n) override {
        return TRY(at(n))
        ->readlink(n);
    }
    FsResult<abi::Kstatfs> statfs(NodeId n) override {
        return TRY(at(n))
        ->statfs(n);
    }
    FsResult<void> syncfs(NodeId n) override {
        return TRY(at(n))
        ->syncfs(n);
    }

    FsResult<Entry> symlink(Caller c, NodeId p, std::string_view name, std::string_view target) override {
        return TRY(at(p))
        ->symlink(c, p, name, target);
    }
    FsResult<Entry> mknod(Caller c, NodeId p, std::string_view name, uint32_t mode, uint32_t rdev) override {
        return TRY(at(p))
        ->mknod(c, p, name, mode, rdev);
    }
    FsResult<Entry> mkdir(Caller c, NodeId p, std::string_view name, uint32_t mode) override {
        return TRY(at(p))
        ->mkdir(c, p, name, mode);
    }
    FsResult<void> unlink(NodeId p, std::string_view name) override {
        return TRY(at(p))
        ->unlink(p, name);
    }
    FsResult<void> rmdir(NodeId p, std::string_view name) override {
        return TRY(at(p))
        ->rmdir(p, name);
    }
    FsResult<void> rename(NodeId p, std::string_view name, NodeId to, std::string_view new_name,
                          uint32_t flags) override {
        return TRY(both(p, to))
        ->rename(p, name, to, new_name, flags);
    }
    FsResult<Created> tmpfile(Caller c, NodeId p, CreateArgs args) override {
        return TRY(at(p))
        ->tmpfile(c, p, args);
    }
    FsResult<Entry> link(NodeId n, NodeId to, std::string_view new_name) override {
        return TRY(both(n, to))
        ->link(n, to, new_name);
    }

    FsResult<Opened> open(NodeId n, OpenArgs args) override {
        return TRY(at(n))
        ->open(n, args);
    }
    FsResult<Created> create(Caller c, NodeId p, std::string_view name, CreateArgs args) override {
        return TRY(at(p))
        ->create(c, p, name, args);
    }
    FsResult<size_t> read(NodeId n, Handle h, uint64_t offset, std::span<iovec const> into) override {
        return TRY(at(n))
        ->read(n, h, offset, into);
    }
    FsResult<size_t> read_now(NodeId n, Handle h, uint64_t offset, std::span<iovec const> into) override {
        return TRY(at(n))
        ->read_now(n, h, offset, into);
    }
    FsResult<size_t> write(NodeId n, Handle h, WriteArgs args, std::span<iovec const> from) override {
        return TRY(at(n))
        ->write(n, h, args, from);
    }
    FsResult<void> flush(NodeId n, Handle h, uint64_t lock_owner) override {
        return TRY(at(n))
        ->flush(n, h, lock_owner);
    }
    FsResult<abi::FileLock> getlk(NodeId n, LockArgs const& args) override {
        return TRY(at(n))
        ->getlk(n, args);
    }
    FsResult<void> setlk(NodeId n, LockArgs const& args) override {
        return TRY(at(n))
        ->setlk(n, args);
    }
    void stop_waiting(NodeId n, LockArgs const& args) override {
        if (auto* fs = owner(n)) fs->stop_waiting(n, args);
    }
    FsResult<void> fsync(NodeId n, Handle h, Sync sync) override {
        return TRY(at(n))
        ->fsync(n, h, sync);
    }
    FsResult<void> release(NodeId n, Handle h) override {
        return TRY(at(n))
        ->release(n, h);
    }
    FsResult<void> fallocate(NodeId n, Handle h, FallocateArgs args) override {
        return TRY(at(n))
        ->fallocate(n, h, args);
    }
    FsResult<uint64_t> lseek(NodeId n, Handle h, uint64_t offset, uint32_t whence) override {
        return TRY(at(n))
        ->lseek(n, h, offset, whence);
    }
    FsResult<size_t> copy_file_range(CopyArgs const& args) override {
        return TRY(both(args.in, args.out))
        ->copy_file_range(args);
    }

    FsResult<Opened> opendir(NodeId n, uint32_t flags) override {
        return TRY(at(n))
        ->opendir(n, flags);
    }
    FsResult<void> readdir(NodeId n, Handle h, uint64_t offset, DirSink& out) override {
        return TRY(at(n))
        ->readdir(n, h, offset, out);
    }
    FsResult<void> fsyncdir(NodeId n, Handle h, Sync sync) override {
        return TRY(at(n))
        ->fsyncdir(n, h, sync);
    }
    FsResult<void> releasedir(NodeId n, Handle h) override {
        return TRY(at(n))
        ->releasedir(n, h);
    }

    FsResult<size_t> getxattr(NodeId n, std::string_view name, std::span<std::byte> value) override {
        return TRY(at(n))
        ->getxattr(n, name, value);
    }
    FsResult<size_t> listxattr(NodeId n, std::span<std::byte> names) override {
        return TRY(at(n))
        ->listxattr(n, names);
    }
    FsResult<void> setxattr(NodeId n, std::string_view name, std::span<std::byte const> value,
                            SetxattrArgs args) override {
        return TRY(at(n))
        ->setxattr(n, name, value, args);
    }
    FsResult<void> removexattr(NodeId n, std::string_view name) override {
        return TRY(at(n))
        ->removexattr(n, name);
    }
    FsResult<void> ioctl(NodeId n, uint32_t command, std::span<std::byte> data) override {
        return TRY(at(n))
        ->ioctl(n, command, data);
    }

protected:
    // The file system that answers for `node`, or null if there is none. Asked on every op, by any thread.
    virtual FileSystem* owner(NodeId node) const = 0;

    FsResult<FileSystem*> at(NodeId node) const {
        auto* const fs = owner(node);
        if (fs == nullptr) return fail(Errno{ENOENT});
        return fs;
    }
    FsResult<FileSystem*> both(NodeId a, NodeId b) const {
        auto* const fs = TRY(at(a));
        if (TRY(at(b)) != fs) return fail(Errno{EXDEV});
        return fs;
    }
};

}  // namespace krun::fs
