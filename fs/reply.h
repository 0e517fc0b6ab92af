// SPDX-License-Identifier: Apache-2.0
// One FUSE reply, written straight into the guest's buffers: the body first, the header when it is known how
// it went. Nothing is ever written past the space given, and nothing is read back.
#pragma once
#include <span>
#include <string_view>

#include "fs/file_system.h"
#include "fs/scattered.h"

namespace krun::fs {

class Reply {
public:
    explicit Reply(Scattered const& space) : space_(space) {}

    // Room for an error, the least a request must offer.
    bool has_header() const { return space_.size() >= sizeof(abi::OutHeader); }
    // Body bytes that still fit.
    size_t left() const { return space_.size() - used_; }

    // EIO if it does not fit: the guest offered less than the op answers.
    template <class T>
    FsResult<void> put(T const& value) {
        static_assert(std::is_trivially_copyable_v<T>);
        return put_bytes(std::as_bytes(std::span(&value, 1)));
    }
    FsResult<void> put_bytes(std::span<std::byte const> bytes);
    FsResult<void> put_entry(Entry const& entry);
    FsResult<void> put_attributes(Attributes const& attributes);
    FsResult<void> put_statx(Attributes const& attributes);
    FsResult<void> put_opened(Opened const& opened);

    // At most `len` bytes of body for the kernel to fill; then say how many it did.
    Scattered::Slice data(size_t len) const { return Scattered::Slice(space_, used_, len); }
    void filled(size_t len) { used_ += len; }

    // Writes the header and returns the length of the reply. An error drops the body.
    uint32_t finish(uint64_t unique, FsResult<void> const& result);

private:
    Scattered const& space_;
    size_t used_ = sizeof(abi::OutHeader);
};

abi::EntryOut encode(Entry const& entry);

}  // namespace krun::fs
