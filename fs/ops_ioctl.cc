// SPDX-License-Identifier: Apache-2.0
// The ioctls that Linux makes of chattr(1) and its like. No other crosses to the host, and none of ours does:
// an exit status could be forged by any process.
#include <linux/fs.h>

#include <algorithm>
#include <array>

#include "fs/op_table.h"

namespace krun::fs {

static constexpr uint32_t kServed[] = {FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IOC_FSGETXATTR,
                                       FS_IOC_FSSETXATTR};

FsResult<void> op_ioctl(Call& call) {
    auto const in = TRY(call.in.take<abi::IoctlIn>());
    if (std::find(std::begin(kServed), std::end(kServed), in.cmd) == std::end(kServed))
        return fail(Errno{ENOTTY});
    // The first two say `long` and carry an int (ioctl_iflags(2)), so less than the number's size may come.
    alignas(uint64_t) std::array<std::byte, sizeof(fsxattr) + 4> bytes{};
    if (in.in_size > _IOC_SIZE(in.cmd) || in.out_size > _IOC_SIZE(in.cmd)) return fail(Errno{EINVAL});
    auto const sent = TRY(call.in.take_bytes(in.in_size));
    std::copy(sent.begin(), sent.end(), bytes.begin());
    TRY(call.fs.ioctl(call.node(), in.cmd, std::span(bytes).first(_IOC_SIZE(in.cmd))));
    TRY(call.out.put(abi::IoctlOut{}));
    return call.out.put_bytes(std::span(bytes).first(in.out_size));
}

}  // namespace krun::fs
