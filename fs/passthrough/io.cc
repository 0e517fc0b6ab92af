// SPDX-License-Identifier: Apache-2.0
// The data of open files. It goes between the caller's buffers and the file in one system call.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "fs/passthrough/credentials.h"
#include "fs/passthrough/passthrough.h"

namespace krun::fs {

// One request does not occupy the device for longer than it takes to copy this; the guest asks again.
static constexpr uint64_t kMaxCopyBytes = uint64_t{64} << 20;

template <class Call>
static FsResult<size_t> retry_interrupted(Call call) {
    while (true) {
        ssize_t const n = call();
        if (n >= 0) return static_cast<size_t>(n);
        if (errno != EINTR) return fail(Errno{errno});
    }
}

static FsResult<size_t> read_file(BorrowedFd file, uint64_t offset, std::span<iovec const> into, int flags) {
    return retry_interrupted([&] {
        return ::preadv2(file.raw(), into.data(), static_cast<int>(into.size()), static_cast<off_t>(offset),
                         flags);
    });
}

FsResult<size_t> Passthrough::read(NodeId node, Handle handle, uint64_t offset, std::span<iovec const> into) {
    auto const file = TRY(files_.get(node, handle));
    return read_file(file->fd.borrow(), offset, into, 0);
}

// Whether a read that ended at `offset`, before it had what it wanted, ended there with the file. What is in
// memory ends with a page.
static bool is_end(BorrowedFd file, uint64_t offset) {
    static constexpr uint64_t kPageBytes = 4096;
    if (offset % kPageBytes != 0) return true;
    std::byte next;
    iovec const into{&next, 1};
    auto const more = read_file(file, offset, {&into, 1}, RWF_NOWAIT);
    return more.ok() && more.value() == 0;
}

FsResult<size_t> Passthrough::read_now(NodeId node, Handle handle, uint64_t offset,
                                       std::span<iovec const> into) {
    auto const file = TRY(files_.get(node, handle));
    auto const fd = file->fd.borrow();
    if (file->may_wait.load(std::memory_order_relaxed)) return read_file(fd, offset, into, 0);
    auto const read = read_file(fd, offset, into, RWF_NOWAIT);
    if (!read.ok()) {
        if (read.error().value != EOPNOTSUPP) return read;
        file->may_wait.store(true, std::memory_order_relaxed);
        return read_file(fd, offset, into, 0);
    }
    size_t wanted = 0;
    for (auto const& part : into) wanted += part.iov_len;
    if (read.value() == wanted || read.value() == 0 || is_end(fd, offset + read.value())) return read;
    return fail(Errno{EAGAIN});
}

static FsResult<size_t> write_file(BorrowedFd file, uint64_t offset, std::span<iovec const> from, int flags) {
    return retry_interrupted([&] {
        return ::pwritev2(file.raw(), from.data(), static_cast<int>(from.size()), static_cast<off_t>(offset),
                          flags);
    });
}

// Before each page that Linux 6.12 writes to tmpfs it looks at all that is left to be written
// (mm/filemap.c generic_perform_write): of a MiB in 256 parts that takes longer than to write it.
static FsResult<size_t> write_in_pieces(BorrowedFd file, uint64_t offset, std::span<iovec const> from) {
    static constexpr size_t kParts = 16;
    size_t done = 0;
    while (!from.empty()) {
        auto const piece = from.first(std::min(kParts, from.size()));
        size_t bytes = 0;
        for (auto const& part : piece) bytes += part.iov_len;
        auto const written = write_file(file, offset + done, piece, 0);
        if (!written.ok() && done == 0) return written;
        done += written.ok() ? written.value() : 0;
        if (!written.ok() || written.value() < bytes) break;
        from = from.subspan(piece.size());
    }
    return done;
}

FsResult<size_t> Passthrough::write(NodeId node, Handle handle, WriteArgs args, std::span<iovec const> from) {
    auto const file = TRY(files_.get(node, handle));
    auto const spending = TRY(spend_write(*file, args.offset, from));
    std::optional<WithoutFsetid> kill;
    if (args.kill == KillPriv::kYes) kill_if_set(file->fd.borrow(), kill);
    // Where others append, too, the end of the file is where the host says it is. Direct writes are left
    // alone: the guest splits large ones and may send the parts in any order.
    bool const append = !sole_writer() && (args.flags & O_APPEND) != 0 && (args.flags & O_DIRECT) == 0 &&
                        !args.from_page_cache;
    if (file->kind.is_memory && !append) return write_in_pieces(file->fd.borrow(), args.offset, from);
    return write_file(file->fd.borrow(), args.offset, from, append ? RWF_APPEND : 0);
}

// close(2) of a duplicate reports what a network file system has to say about the data.
FsResult<void> Passthrough::flush(NodeId node, Handle handle, uint64_t lock_owner) {
    auto const file = TRY(files_.get(node, handle));
    locks_.drop(node, lock_owner);
    int const duplicate = ::fcntl(file->fd.borrow().raw(), F_DUPFD_CLOEXEC, 0);
    if (duplicate < 0 || (::close(duplicate) != 0 && errno != EINTR)) return fail(Errno{errno});
    return {};
}

FsResult<void> Passthrough::release(NodeId node, Handle handle) {
    TRY(files_.remove(node, handle));
    locks_.drop_by(node, handle);
    return {};
}

FsResult<void> Passthrough::fsync(NodeId node, Handle handle, Sync sync) {
    auto const file = TRY(files_.get(node, handle));
    int const fd = file->fd.borrow().raw();
    if ((sync == Sync::kData ? ::fdatasync(fd) : ::fsync(fd)) != 0) return fail(Errno{errno});
    return {};
}

FsResult<void> Passthrough::fallocate(NodeId node, Handle handle, FallocateArgs args) {
    static constexpr uint32_t kModes = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
    if ((args.mode & ~kModes) != 0) return fail(Errno{EOPNOTSUPP});
    auto const file = TRY(files_.get(node, handle));
    bool const adds = (args.mode & FALLOC_FL_PUNCH_HOLE) == 0;
    auto const spending = TRY(spend(file->charge, file->fd.borrow(), adds ? args.length : 0));
    // The request has no flag for it, and changing a file's data always ends its privileges.
    std::optional<WithoutFsetid> kill;
    kill_if_set(file->fd.borrow(), kill);
    if (::fallocate(file->fd.borrow().raw(), static_cast<int>(args.mode), static_cast<off_t>(args.offset),
                    static_cast<off_t>(args.length)) != 0)
        return fail(Errno{errno});
    return {};
}

FsResult<uint64_t> Passthrough::lseek(NodeId node, Handle handle, uint64_t offset, uint32_t whence) {
    if (whence != SEEK_DATA && whence != SEEK_HOLE) return fail(Errno{EINVAL});
    auto const file = TRY(files_.get(node, handle));
    // The descriptor's position means nothing here, so moving it does not matter.
    off_t const at = ::lseek(file->fd.borrow().raw(), static_cast<off_t>(offset), static_cast<int>(whence));
    if (at < 0) return fail(Errno{errno});
    return static_cast<uint64_t>(at);
}

static FsResult<uint64_t> bytes_from(BorrowedFd file, uint64_t offset) {
    auto const stat = TRY(stat_of(file));
    return stat.attr.size > offset ? stat.attr.size - offset : 0;
}

FsResult<size_t> Passthrough::copy_file_range(CopyArgs const& args) {
    auto const in = TRY(files_.get(args.in, args.handle_in));
    auto const out = TRY(files_.get(args.out, args.handle_out));
    auto length = std::min(args.length, kMaxCopyBytes);
    if (budget_) length = std::min(length, TRY(bytes_from(in->fd.borrow(), args.offset_in)));
    auto const spending = TRY(spend(out->charge, out->fd.borrow(), length));
    std::optional<WithoutFsetid> kill;
    kill_if_set(out->fd.borrow(), kill);
    return retry_interrupted([&] {
        auto from = static_cast<off64_t>(args.offset_in);
        auto to = static_cast<off64_t>(args.offset_out);
        return ::copy_file_range(in->fd.borrow().raw(), &from, out->fd.borrow().raw(), &to, length, 0);
    });
}

}  // namespace krun::fs
