// SPDX-License-Identifier: Apache-2.0
// Fills a list of iovecs with one piece behind the other.
#pragma once
#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

namespace krun::vmm {

class IovecWriter {
public:
    explicit IovecWriter(std::span<iovec const> parts) : parts_(parts) {}

    // How much of `piece` went there: less than all where the parts end.
    size_t write(std::span<std::byte const> piece) {
        size_t written = 0;
        while (written < piece.size() && !parts_.empty()) {
            iovec const& part = parts_.front();
            size_t const here = std::min(part.iov_len - used_, piece.size() - written);
            if (here > 0)
                std::memcpy(static_cast<std::byte*>(part.iov_base) + used_, piece.data() + written, here);
            written += here;
            used_ += here;
            if (used_ == part.iov_len) {
                parts_ = parts_.subspan(1);
                used_ = 0;
            }
        }
        return written;
    }

private:
    std::span<iovec const> parts_;
    size_t used_ = 0;  // of the first
};

}  // namespace krun::vmm
