// SPDX-License-Identifier: Apache-2.0
// One directory, mode 0755, owned by root.
#include "fs/null/null_fs.h"

#include <sys/stat.h>

#include <climits>

#include "fs/dot_entries.h"

namespace krun::fs {

static constexpr Validity kForever = std::chrono::hours(24 * 365);

FsResult<Entry> NullFs::lookup(NodeId, std::string_view) {
    return fail(Errno{ENOENT});
}

FsResult<Attributes> NullFs::getattr(NodeId node, std::optional<Handle>) {
    if (node != root()) return fail(Errno{ENOENT});
    abi::Attr attr{};
    attr.ino = 1;
    attr.mode = S_IFDIR | 0755;
    attr.nlink = 2;
    attr.blksize = 4096;
    return Attributes{attr, kForever};
}

FsResult<abi::Kstatfs> NullFs::statfs(NodeId) {
    abi::Kstatfs out{};
    out.bsize = out.frsize = 4096;
    out.namelen = NAME_MAX;
    return out;
}

FsResult<Opened> NullFs::opendir(NodeId node, uint32_t) {
    if (node != root()) return fail(Errno{ENOENT});
    return Opened{};
}

FsResult<void> NullFs::readdir(NodeId node, Handle, uint64_t offset, DirSink& out) {
    if (node != root()) return fail(Errno{ENOENT});
    return list_dot_entries(1, offset, out);
}

}  // namespace krun::fs
