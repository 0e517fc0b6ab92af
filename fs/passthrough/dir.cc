// SPDX-License-Identifier: Apache-2.0
// Listing directories.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

#include "fs/passthrough/passthrough.h"

namespace krun::fs {

static constexpr size_t kLongestRecord = (offsetof(dirent64, d_name) + NAME_MAX + 1 + 7) & ~size_t{7};

// One record of getdents64(2). The kernel wrote it, so it is well-formed.
static DirEntry decode(std::byte const* record, size_t& record_bytes) {
    dirent64 head;
    std::memcpy(&head, record, offsetof(dirent64, d_name));
    record_bytes = head.d_reclen;
    // char may alias bytes; the name ends with a NUL inside the record.
    auto const* name = reinterpret_cast<char const*>(record + offsetof(dirent64, d_name));
    return {head.d_ino, static_cast<uint64_t>(head.d_off), head.d_type, name};
}

FsResult<Opened> Passthrough::opendir(NodeId node, uint32_t) {
    auto const dir = TRY(reach_dir(node));
    auto fd = TRY(open_file(dir, O_RDONLY | O_DIRECTORY));
    auto const handle = TRY(dirs_.add(node, std::make_shared<OpenDir>(std::move(fd))));
    return Opened{handle, sole_writer() ? abi::kFopenKeepCache | abi::kFopenCacheDir : 0};
}

// What READDIRPLUS says of one name. An empty entry makes the guest look it up by itself: that is the answer
// for whatever cannot be said with one statx, and for files that have just gone.
Entry Passthrough::listed_entry(NodeId parent, InodeStore::Node const& dir, std::string_view name) {
    auto const stat = stat_at(dir.fd->borrow(), name);
    if (!stat.ok() || stat.value().identity.mount != dir.identity.mount) return Entry{};
    auto entry = entry_of(parent, dir, name, stat.value(), nullptr);
    return entry.ok() ? entry.value() : Entry{};
}

FsResult<void> Passthrough::readdir(NodeId node, Handle handle, uint64_t offset, DirSink& out) {
    auto const open_dir = TRY(dirs_.get(node, handle));
    auto const dir = TRY(reach_dir(node));
    std::array<std::byte, 32768> buffer;

    Lock const lock(open_dir->position);
    int const fd = open_dir->fd.borrow().raw();
    if (::lseek(fd, static_cast<off_t>(offset), SEEK_SET) < 0) return fail(Errno{errno});
    while (true) {
        auto const room = std::clamp(out.wanted_bytes(), kLongestRecord, buffer.size());
        auto const n = ::syscall(SYS_getdents64, fd, buffer.data(), room);
        if (n < 0) return fail(Errno{errno});
        if (n == 0) return {};
        size_t record_bytes = 0;
        for (size_t at = 0; at < static_cast<size_t>(n); at += record_bytes) {
            auto const entry = decode(buffer.data() + at, record_bytes);
            if (!list_one(node, dir, entry, out)) return {};
        }
        // Full to the brim: what were read now would be read again for the next request.
        if (!out.fits(1)) return {};
    }
}

bool Passthrough::list_one(NodeId node, InodeStore::Node const& dir, DirEntry entry, DirSink& out) {
    bool const dots = entry.name == "." || entry.name == "..";
    // What lies above the tree is none of the guest's business, not even its inode number.
    if (entry.name == ".." && node == range_.root()) entry.ino = dir.identity.ino;
    // add() is called even when it will say no, so that the sink knows that something was left out.
    if (dots || !out.wants_entries() || !out.fits(entry.name.size())) return out.add(entry, Entry{});
    auto const found = listed_entry(node, dir, entry.name);
    if (out.add(entry, found)) return true;
    if (found.node != kNoNode) store_.forget(found.node, 1);
    return false;
}

FsResult<void> Passthrough::fsyncdir(NodeId node, Handle handle, Sync sync) {
    auto const dir = TRY(dirs_.get(node, handle));
    int const fd = dir->fd.borrow().raw();
    if ((sync == Sync::kData ? ::fdatasync(fd) : ::fsync(fd)) != 0) return fail(Errno{errno});
    return {};
}

}  // namespace krun::fs
