// SPDX-License-Identifier: Apache-2.0
// Decoding, with the rules for names.
#include "fs/request.h"

#include <algorithm>
#include <climits>

#include "base/guard.h"

namespace krun::fs {

// The largest argument is SETXATTR's value, 64 KiB (XATTR_SIZE_MAX), with its name.
static constexpr size_t kMaxArgumentBytes = size_t{68} << 10;
static constexpr size_t kExtensionUnit = 8;
static constexpr size_t kDataOffset = sizeof(abi::InHeader) + sizeof(abi::WriteIn);

Request::Request(Scattered const& bytes) : bytes_(bytes) {
    bytes.copy_from(0, std::as_writable_bytes(std::span(&header_, 1)));
    auto len = bytes.size() - sizeof header_;
    if (header_.opcode == abi::Opcode::kWrite) len = std::min(len, sizeof(abi::WriteIn));
    len = std::min(len, kMaxArgumentBytes);
    std::span<std::byte> copy(small_);
    if (len > small_.size()) {
        large_.resize(len);
        copy = large_;
    }
    bytes.copy_from(sizeof header_, copy.first(len));
    left_ = copy.first(len);
    auto const extended = size_t{header_.total_extlen} * kExtensionUnit;
    if (extended > len) return;  // check() says so
    extensions_ = left_.last(extended);
    left_ = left_.first(len - extended);
}

FsResult<void> Request::check() const {
    if (guard_stands("length") && header_.len != bytes_.size()) return fail(Errno{EIO});
    if (guard_stands("extension") && extensions_.size() != size_t{header_.total_extlen} * kExtensionUnit)
        return fail(Errno{EINVAL});
    if (header_.opcode != abi::Opcode::kWrite && bytes_.size() - sizeof header_ > kMaxArgumentBytes)
        return fail(Errno{E2BIG});
    return {};
}

FsResult<std::string_view> Request::take_text() {
    auto const nul = std::find(left_.begin(), left_.end(), std::byte{0});
    if (nul == left_.end()) return fail(Errno{EINVAL});
    auto const len = static_cast<size_t>(nul - left_.begin());
    // char may alias bytes.
    std::string_view const text(reinterpret_cast<char const*>(left_.data()), len);
    left_ = left_.subspan(len + 1);
    return text;
}

FsResult<std::string_view> Request::take_name() {
    auto const name = TRY(take_text());
    if (!guard_stands("name")) return name;
    if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos)
        return fail(Errno{EINVAL});
    if (name.size() > NAME_MAX) return fail(Errno{ENAMETOOLONG});
    return name;
}

FsResult<std::span<std::byte const>> Request::take_bytes(size_t len) {
    if (left_.size() < len) return fail(Errno{EINVAL});
    auto const taken = left_.first(len);
    left_ = left_.subspan(len);
    return taken;
}

FsResult<std::optional<uint32_t>> Request::group() const {
    if (extensions_.empty()) return std::optional<uint32_t>{};
    struct {
        abi::ExtHeader header;
        abi::SuppGroups groups;
        uint32_t group;
    } in{};
    // The one group that Linux sends fits exactly; anything else has not been agreed on.
    static_assert(sizeof in == 2 * kExtensionUnit);
    if (extensions_.size() != sizeof in) return fail(Errno{EINVAL});
    std::memcpy(&in, extensions_.data(), sizeof in);
    if (in.header.type != abi::kExtGroups || in.header.size != sizeof in || in.groups.count != 1 ||
        in.group == UINT32_MAX)
        return fail(Errno{EINVAL});
    return std::optional(in.group);
}

FsResult<Scattered::Slice> Request::data(size_t len) const {
    if (bytes_.size() < kDataOffset || (guard_stands("payload") && bytes_.size() - kDataOffset < len))
        return fail(Errno{EINVAL});
    return Scattered::Slice(bytes_, kDataOffset, len);
}

}  // namespace krun::fs
