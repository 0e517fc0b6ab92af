// SPDX-License-Identifier: Apache-2.0
// What one image may cost, over all its layers: the end of a decompression bomb. Counted is what is written
// and what is read, so that a file that the next layer removes counts too, and so do the holes of a sparse
// one.
#pragma once
#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace krun::image {

inline constexpr uint64_t kDefaultMaxBytes = uint64_t{64} << 30;
inline constexpr uint64_t kMaxEntries = 1'000'000;
// All their paths together, which are kept in memory: a hundred bytes for each of them is much.
inline constexpr uint64_t kMaxAllPathsBytes = uint64_t{256} << 20;

class Budget {
public:
    explicit Budget(uint64_t max_bytes)
        : max_bytes_(max_bytes), content_left_(max_bytes), stream_left_(max_bytes) {}

    // Each is kInvalidConfig once there is too much.
    Result<void> spend_entry(std::string_view path);
    Result<void> spend_content(uint64_t bytes);  // sizes of files, extended attributes
    Result<void> spend_stream(uint64_t bytes);   // what comes out of a decompressor

private:
    Result<void> spend(uint64_t& left, uint64_t bytes) const;
    uint64_t max_bytes_;
    uint64_t content_left_;
    uint64_t stream_left_;
    uint64_t entries_left_ = kMaxEntries;
    uint64_t paths_left_ = kMaxAllPathsBytes;
};

}  // namespace krun::image
