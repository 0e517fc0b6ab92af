// SPDX-License-Identifier: Apache-2.0
// Extended attributes. Which names are served is the file system's policy.
#include <algorithm>
#include <climits>

#include "fs/op_table.h"

namespace krun::fs {

static constexpr size_t kMaxNameBytes = 255;       // XATTR_NAME_MAX
static constexpr uint32_t kMaxValueBytes = 65536;  // XATTR_SIZE_MAX and XATTR_LIST_MAX

static FsResult<std::string_view> take_xattr_name(Request& in) {
    auto const name = TRY(in.take_text());
    if (name.empty() || name.size() > kMaxNameBytes) return fail(Errno{ERANGE});  // as setxattr(2)
    return name;
}

// Runs `get(buffer)` and answers its bytes, or only how many there are if the guest offered no room.
template <class Get>
static FsResult<void> answer(Call& call, uint32_t room, Get get) {
    if (room == 0) {
        auto const size = TRY(get(std::span<std::byte>{}));
        return call.out.put(abi::GetxattrOut{static_cast<uint32_t>(size), 0});
    }
    std::vector<std::byte> buffer(std::min<size_t>({room, kMaxValueBytes, call.out.left()}));
    if (buffer.empty()) return fail(Errno{ERANGE});
    auto const size = TRY(get(std::span(buffer)));
    return call.out.put_bytes(std::span(buffer).first(size));
}

FsResult<void> op_getxattr(Call& call) {
    auto const in = TRY(call.in.take<abi::GetxattrIn>());
    auto const name = TRY(take_xattr_name(call.in));
    return answer(call, in.size, [&](auto value) { return call.fs.getxattr(call.node(), name, value); });
}

FsResult<void> op_listxattr(Call& call) {
    auto const in = TRY(call.in.take<abi::GetxattrIn>());
    return answer(call, in.size, [&](auto names) { return call.fs.listxattr(call.node(), names); });
}

FsResult<void> op_setxattr(Call& call) {
    abi::SetxattrIn in{};
    bool const extended = (call.agreed & abi::kSetxattrExt) != 0;
    auto const head = TRY(call.in.take_bytes(extended ? sizeof in : abi::kShortSetxattrInBytes));
    std::memcpy(&in, head.data(), head.size());
    auto const name = TRY(take_xattr_name(call.in));
    if (in.size > kMaxValueBytes) return fail(Errno{E2BIG});
    auto const value = TRY(call.in.take_bytes(in.size));
    bool const kill_sgid = (in.setxattr_flags & abi::kSetxattrAclKillSgid) != 0;
    return call.fs.setxattr(call.node(), name, value, {in.flags, kill_sgid ? KillPriv::kYes : KillPriv::kNo});
}

FsResult<void> op_removexattr(Call& call) {
    return call.fs.removexattr(call.node(), TRY(take_xattr_name(call.in)));
}

}  // namespace krun::fs
