// SPDX-License-Identifier: Apache-2.0
// A byte range of a list of iovecs, as a list of iovecs: what is behind a header, or what credit allows.
#pragma once
#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace krun::vmm {

// Puts [offset, offset + len) of `in` into `out` (cleared first, so that a data path can reuse it), less
// where `in` ends earlier. Pointers are not followed.
inline void slice_iovecs(std::span<iovec const> in, size_t offset, size_t len, std::vector<iovec>& out) {
    out.clear();
    for (iovec const& part : in) {
        if (len == 0) return;
        if (offset >= part.iov_len) {
            offset -= part.iov_len;
            continue;
        }
        size_t const take = std::min(part.iov_len - offset, len);
        out.push_back({static_cast<std::byte*>(part.iov_base) + offset, take});
        len -= take;
        offset = 0;
    }
}

}  // namespace krun::vmm
