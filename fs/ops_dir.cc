// SPDX-License-Identifier: Apache-2.0
// Listing directories: entries are encoded straight into the reply (fuse_kernel.h struct fuse_dirent).
#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

#include "fs/op_table.h"
#include "fs/server.h"

namespace krun::fs {

namespace {

// READDIR's and READDIRPLUS's records, at most `max_bytes` of them.
class Listing final : public DirSink {
public:
    Listing(Reply& out, size_t max_bytes, bool with_entries)
        : out_(out), left_(std::min(max_bytes, out.left())), with_entries_(with_entries) {}

    bool wants_entries() const override { return with_entries_; }
    // With attributes a record is several times the kernel's own: what is read too much is read again for the
    // next request.
    size_t wanted_bytes() const override {
        return with_entries_ ? left_ * kShortRecordBytes / record_bytes(kShortNameBytes) : left_;
    }
    bool fits(size_t name_bytes) const override {
        return name_bytes <= NAME_MAX && record_bytes(name_bytes) <= left_;
    }
    // Something was to be listed and nothing was: an empty reply would say that the directory ends here.
    bool too_small() const { return refused_ && !any_; }

    bool add(DirEntry const& dir_entry, Entry const& entry) override {
        if (!fits(dir_entry.name.size())) {
            refused_ = true;
            return false;
        }
        auto const name_len = static_cast<uint32_t>(dir_entry.name.size());
        abi::Dirent const dirent{dir_entry.ino, dir_entry.next_offset, name_len, dir_entry.type};
        // A record is put together here and then goes to the guest in one piece, its padding zero.
        std::array<std::byte, kMaxRecordBytes> record;
        size_t used = 0;
        auto const append = [&](void const* bytes, size_t len) {
            std::memcpy(record.data() + used, bytes, len);
            used += len;
        };
        if (with_entries_) {
            auto const encoded = encode(entry);
            append(&encoded, sizeof encoded);
        }
        append(&dirent, sizeof dirent);
        append(dir_entry.name.data(), name_len);
        static constexpr std::array<std::byte, 7> kPadding{};
        append(kPadding.data(), -name_len % 8);
        ignore(out_.put_bytes(std::span(record).first(used)), "fits() was asked");
        left_ -= record_bytes(name_len);
        any_ = true;
        return true;
    }

private:
    static constexpr size_t kShortNameBytes = 8;
    static constexpr size_t kShortRecordBytes = sizeof(abi::Dirent) + kShortNameBytes;  // the kernel's, too
    static constexpr size_t kMaxRecordBytes = sizeof(abi::EntryOut) + sizeof(abi::Dirent) + NAME_MAX + 1;
    size_t record_bytes(size_t name_bytes) const {
        auto const bytes = (with_entries_ ? sizeof(abi::EntryOut) : 0) + sizeof(abi::Dirent) + name_bytes;
        return (bytes + 7) & ~size_t{7};
    }
    Reply& out_;
    size_t left_;
    bool const with_entries_;
    bool any_ = false;
    bool refused_ = false;
};

FsResult<void> list(Call& call, bool with_entries) {
    auto const in = TRY(call.in.take<abi::ReadIn>());
    Listing listing(call.out, std::min(in.size, kMaxDataBytes), with_entries);
    TRY(call.fs.readdir(call.node(), Handle{in.fh}, in.offset, listing));
    if (listing.too_small()) return fail(Errno{EINVAL});
    return {};
}

}  // namespace

FsResult<void> op_opendir(Call& call) {
    auto const in = TRY(call.in.take<abi::OpenIn>());
    return call.out.put_opened(TRY(call.fs.opendir(call.node(), in.flags)));
}

FsResult<void> op_readdir(Call& call) {
    return list(call, false);
}

FsResult<void> op_readdirplus(Call& call) {
    return list(call, true);
}

FsResult<void> op_fsyncdir(Call& call) {
    auto const in = TRY(call.in.take<abi::FsyncIn>());
    auto const sync = (in.fsync_flags & abi::kFsyncData) != 0 ? Sync::kData : Sync::kAll;
    return call.fs.fsyncdir(call.node(), Handle{in.fh}, sync);
}

FsResult<void> op_releasedir(Call& call) {
    auto const in = TRY(call.in.take<abi::ReleaseIn>());
    return call.fs.releasedir(call.node(), Handle{in.fh});
}

}  // namespace krun::fs
