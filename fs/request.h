// SPDX-License-Identifier: Apache-2.0
// One FUSE request: its header and arguments, copied out of guest memory once, and WRITE's data left where
// it is. Every take_ checks what is left; a request that is too short is EINVAL.
#pragma once
#include <array>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "fs/file_system.h"
#include "fs/scattered.h"

namespace krun::fs {

class Request {
public:
    // REQUIRES: has_header(bytes).
    explicit Request(Scattered const& bytes);
    Request(Request const&) = delete;
    Request& operator=(Request const&) = delete;

    static bool has_header(Scattered const& bytes) { return bytes.size() >= sizeof(abi::InHeader); }

    abi::InHeader const& header() const { return header_; }
    // EIO unless the header's length is the request's, EINVAL for extensions longer than the arguments, and
    // E2BIG for arguments no op has.
    FsResult<void> check() const;

    // The next argument.
    template <class T>
    FsResult<T> take() {
        auto const value = TRY(peek<T>());
        left_ = left_.subspan(sizeof(T));
        return value;
    }
    // The argument `skip_bytes` ahead, left in place.
    template <class T>
    FsResult<T> peek(size_t skip_bytes = 0) const {
        static_assert(std::is_trivially_copyable_v<T>);
        if (left_.size() < skip_bytes || left_.size() - skip_bytes < sizeof(T)) return fail(Errno{EINVAL});
        T value;
        std::memcpy(&value, left_.data() + skip_bytes, sizeof(T));
        return value;
    }
    // A file name: one component, never "", ".", "..", with '/' or longer than 255 bytes. The only door by
    // which names come in.
    FsResult<std::string_view> take_name();
    // Any text up to its NUL, which must be there.
    FsResult<std::string_view> take_text();
    FsResult<std::span<std::byte const>> take_bytes(size_t len);
    // The supplementary group that came as an extension (fuse_kernel.h FUSE_CREATE_SUPP_GROUP), if one did.
    FsResult<std::optional<uint32_t>> group() const;
    // `len` bytes of WRITE's data, still in guest memory; EINVAL if the request carries less.
    FsResult<Scattered::Slice> data(size_t len) const;

private:
    Scattered const& bytes_;
    abi::InHeader header_;
    std::array<std::byte, 4800> small_;  // any name pair or symlink target fits
    std::vector<std::byte> large_;       // else, for SETXATTR and BATCH_FORGET
    std::span<std::byte const> left_;
    std::span<std::byte const> extensions_;
};

}  // namespace krun::fs
