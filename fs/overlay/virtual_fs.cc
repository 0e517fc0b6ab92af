// SPDX-License-Identifier: Apache-2.0
// Serving bytes from memory.
#include "fs/overlay/virtual_fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <ctime>

#include "base/guard.h"
#include "fs/dot_entries.h"

namespace krun::fs {

// Open virtual files at once; each costs a small allocation and pins its content.
static constexpr size_t kMaxHandles = 16384;
static constexpr uint32_t kBlockBytes = 4096;
static constexpr uint32_t kMaxShownBytes = uint32_t{1} << 30;
// Nothing changes a persistent virtual file, so the guest never has to ask again.
static constexpr Validity kForever = std::chrono::hours(24 * 365);

VirtualFs::VirtualFs(NodeIds& ids)
    : range_(ids.claim()), born_s_(static_cast<uint64_t>(std::time(nullptr))), open_files_(kMaxHandles) {}

NodeId VirtualFs::add(VirtualNode node) {
    auto const id = range_.next();
    auto stored = std::make_unique<Stored>(std::move(node));
    if (auto const* content = std::get_if<Content>(&stored->node.content))
        stored->size_bytes = content->bytes().size();
    nodes_.push_back(std::move(stored));
    return id;
}

// Ids count up from just behind the root's, so they are an index.
FsResult<VirtualFs::Stored*> VirtualFs::find(NodeId node) const {
    auto const index = static_cast<uint64_t>(node) - static_cast<uint64_t>(range_.root()) - 1;
    if (!range_.owns(node) || index >= nodes_.size()) return fail(Errno{ENOENT});
    return nodes_[index].get();
}

bool VirtualFs::live(NodeId node) const {
    auto const stored = find(node);
    return stored.ok() && !stored.value()->taken.load();
}

abi::Attr VirtualFs::attr_of(NodeId node, Stored const& stored) const {
    bool const directory = stored.node.is_directory();
    abi::Attr attr{};
    attr.ino = static_cast<uint64_t>(node);
    attr.mode = stored.node.type() | (stored.node.permissions & 07777);
    attr.uid = stored.node.owner.uid;
    attr.gid = stored.node.owner.gid;
    if (auto const* device = std::get_if<Device>(&stored.node.content))
        attr.rdev = abi::encode_device(device->major, device->minor);
    attr.nlink = directory ? 2 : 1;
    attr.size = stored.size_bytes.load();
    attr.blksize = kBlockBytes;
    // Nobody knows a computed file's size before it is opened. As sysfs does, one block stands for it, so
    // that programs read to the end; not 0, at which sendfile(2) would stop.
    if (stored.node.is_computed())
        attr.size = attr.blksize = std::bit_ceil(
            static_cast<uint32_t>(std::clamp<uint64_t>(attr.size, kBlockBytes, kMaxShownBytes)));
    attr.blocks = (attr.size + 511) / 512;
    attr.atime = attr.mtime = attr.ctime = born_s_;
    return attr;
}

FsResult<Entry> VirtualFs::entry(NodeId node) const {
    auto const* stored = TRY(find(node));
    // The name of a one-shot file may be gone at the next look, so the guest must look every time.
    auto const name_valid = stored->node.lifetime == Lifetime::kOneShot ? Validity{} : kForever;
    auto const attr_valid = stored->node.is_computed() ? Validity{} : name_valid;
    return Entry{node, attr_of(node, *stored), name_valid, attr_valid};
}

FsResult<Entry> VirtualFs::lookup(NodeId parent, std::string_view) {
    auto const* const stored = TRY(find(parent));
    return fail(Errno{stored->node.is_directory() ? ENOENT : ENOTDIR});
}

FsResult<Attributes> VirtualFs::getattr(NodeId node, std::optional<Handle>) {
    auto const e = TRY(entry(node));
    return Attributes{e.attr, e.attr_valid};
}

FsResult<abi::Kstatfs> VirtualFs::statfs(NodeId) {
    abi::Kstatfs out{};
    out.bsize = out.frsize = kBlockBytes;
    out.namelen = NAME_MAX;
    out.files = nodes_.size();
    return out;
}

// Writing to a file does not cut it: `>` in a shell, which asks for size 0, is no more than an open.
FsResult<Attributes> VirtualFs::setattr(NodeId node, SetAttr const& change) {
    bool const receives = std::holds_alternative<Exchange>(TRY(find(node))->node.content);
    constexpr uint32_t kRefused = abi::kSetMode | abi::kSetUid | abi::kSetGid;
    if (!receives || (change.in.valid & kRefused) != 0) return refuse();
    return getattr(node, std::nullopt);
}

FsResult<Content> VirtualFs::take_content(Stored& stored, uint32_t open_flags) const {
    if (auto const* exchange = std::get_if<Exchange>(&stored.node.content))
        return (open_flags & O_ACCMODE) == O_WRONLY ? Content::borrowed({}) : exchange->read();
    if (auto const* generate = std::get_if<Generator>(&stored.node.content)) return (*generate)();
    if (stored.node.lifetime == Lifetime::kPersistent) return std::get<Content>(stored.node.content);
    // Whoever flips the flag owns the content from here on; all others come too late.
    if (stored.taken.exchange(true) && guard_stands("one-shot")) return fail(Errno{ENOENT});
    return std::exchange(std::get<Content>(stored.node.content), Content::borrowed({}));
}

FsResult<Opened> VirtualFs::open(NodeId node, OpenArgs args) {
    auto* const stored = TRY(find(node));
    if (stored->node.is_directory()) return fail(Errno{EISDIR});
    if (std::holds_alternative<Device>(stored->node.content)) return fail(Errno{ENXIO});
    bool const writes = (args.flags & O_ACCMODE) != O_RDONLY;
    bool const receives = std::holds_alternative<Exchange>(stored->node.content);
    if (!receives && (writes || (args.flags & O_TRUNC) != 0)) return fail(Errno{EACCES});
    auto content = TRY(take_content(*stored, args.flags));
    if (stored->node.is_computed() && !content.bytes().empty()) stored->size_bytes = content.bytes().size();
    auto file = std::make_shared<OpenFile const>(OpenFile{std::move(content), writes});
    auto const handle = TRY(open_files_.add(node, std::move(file)));
    // A computed file's size is not known to the guest, so its page cache cannot be used.
    return Opened{handle, abi::kFopenNoflush |
                              (stored->node.is_computed() ? abi::kFopenDirectIo : abi::kFopenKeepCache)};
}

FsResult<size_t> VirtualFs::read(NodeId node, Handle handle, uint64_t offset, std::span<iovec const> into) {
    auto const file = TRY(open_files_.get(node, handle));
    auto left = file->content.bytes();
    left = left.subspan(std::min<uint64_t>(offset, left.size()));
    size_t done = 0;
    for (auto const& part : into) {
        auto const n = std::min(part.iov_len, left.size());
        if (n > 0) std::memcpy(part.iov_base, left.data(), n);
        left = left.subspan(n);
        done += n;
    }
    return done;
}

// The guest may change its pages meanwhile: what the receiver looks at is a copy.
FsResult<size_t> VirtualFs::write(NodeId node, Handle handle, WriteArgs args, std::span<iovec const> from) {
    auto const file = TRY(open_files_.get(node, handle));
    auto const* exchange = std::get_if<Exchange>(&TRY(find(node))->node.content);
    if (exchange == nullptr) return refuse();
    if (!file->writable) return fail(Errno{EBADF});
    std::vector<std::byte> bytes;
    for (auto const& part : from) {
        std::span const piece(static_cast<std::byte const*>(part.iov_base), part.iov_len);
        auto const taken = piece.first(std::min(piece.size(), kMaxReceivedBytes - bytes.size()));
        bytes.insert(bytes.end(), taken.begin(), taken.end());
    }
    auto const kept = TRY(exchange->write(args.offset, bytes));
    return std::min(kept, bytes.size());
}

FsResult<uint64_t> VirtualFs::lseek(NodeId node, Handle handle, uint64_t offset, uint32_t whence) {
    auto const file = TRY(open_files_.get(node, handle));
    auto const size = uint64_t{file->content.bytes().size()};
    if (whence != SEEK_DATA && whence != SEEK_HOLE) return fail(Errno{EINVAL});
    if (offset >= size) return fail(Errno{ENXIO});
    return whence == SEEK_DATA ? offset : size;  // one run of data, no holes
}

FsResult<Opened> VirtualFs::opendir(NodeId node, uint32_t) {
    if (!TRY(find(node))->node.is_directory()) return fail(Errno{ENOTDIR});
    return Opened{};
}

FsResult<void> VirtualFs::readdir(NodeId node, Handle, uint64_t offset, DirSink& out) {
    if (!TRY(find(node))->node.is_directory()) return fail(Errno{ENOTDIR});
    return list_dot_entries(static_cast<uint64_t>(node), offset, out);
}

}  // namespace krun::fs
