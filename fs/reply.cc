// SPDX-License-Identifier: Apache-2.0
#include "fs/reply.h"

#include <linux/stat.h>

namespace krun::fs {

namespace {
struct WireTime {
    uint64_t sec;
    uint32_t nsec;
};
WireTime wire_time(Validity valid) {
    auto const sec = std::chrono::duration_cast<std::chrono::seconds>(valid);
    return {static_cast<uint64_t>(sec.count()), static_cast<uint32_t>((valid - sec).count())};
}
}  // namespace

abi::EntryOut encode(Entry const& entry) {
    auto const name = wire_time(entry.entry_valid);
    auto const attr = wire_time(entry.attr_valid);
    abi::EntryOut out{};
    out.nodeid = static_cast<uint64_t>(entry.node);
    out.entry_valid = name.sec;
    out.entry_valid_nsec = name.nsec;
    out.attr_valid = attr.sec;
    out.attr_valid_nsec = attr.nsec;
    out.attr = entry.attr;
    return out;
}

FsResult<void> Reply::put_bytes(std::span<std::byte const> bytes) {
    if (bytes.size() > left()) return fail(Errno{EIO});
    used_ += space_.copy_to(used_, bytes);
    return {};
}

FsResult<void> Reply::put_entry(Entry const& entry) {
    return put(encode(entry));
}

FsResult<void> Reply::put_attributes(Attributes const& attributes) {
    auto const valid = wire_time(attributes.valid);
    return put(abi::AttrOut{valid.sec, valid.nsec, 0, attributes.attr});
}

static abi::SxTime sx_time(uint64_t sec, uint32_t nsec) {
    return {static_cast<int64_t>(sec), nsec, 0};
}

FsResult<void> Reply::put_statx(Attributes const& attributes) {
    auto const valid = wire_time(attributes.valid);
    auto const& attr = attributes.attr;
    abi::StatxOut out{};
    out.attr_valid = valid.sec;
    out.attr_valid_nsec = valid.nsec;
    auto& stat = out.stat;
    stat.mask = STATX_BASIC_STATS | (attributes.born ? STATX_BTIME : 0);
    stat.blksize = attr.blksize;
    stat.nlink = attr.nlink;
    stat.uid = attr.uid;
    stat.gid = attr.gid;
    stat.mode = static_cast<uint16_t>(attr.mode);
    stat.ino = attr.ino;
    stat.size = attr.size;
    stat.blocks = attr.blocks;
    stat.atime = sx_time(attr.atime, attr.atimensec);
    stat.mtime = sx_time(attr.mtime, attr.mtimensec);
    stat.ctime = sx_time(attr.ctime, attr.ctimensec);
    stat.btime = attributes.born.value_or(abi::SxTime{});
    stat.rdev_major = abi::device_major(attr.rdev);
    stat.rdev_minor = abi::device_minor(attr.rdev);
    return put(out);
}

FsResult<void> Reply::put_opened(Opened const& opened) {
    return put(abi::OpenOut{static_cast<uint64_t>(opened.handle), opened.open_flags, 0});
}

uint32_t Reply::finish(uint64_t unique, FsResult<void> const& result) {
    if (!result.ok()) used_ = sizeof(abi::OutHeader);
    int32_t const error = result.ok() ? 0 : -result.error().value;
    // used_ is at most the header and 1 MiB of data.
    abi::OutHeader const header{static_cast<uint32_t>(used_), error, unique};
    space_.copy_to(0, std::as_bytes(std::span(&header, 1)));
    return header.len;
}

}  // namespace krun::fs
