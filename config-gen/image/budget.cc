// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/budget.h"

namespace krun::image {

Result<void> Budget::spend(uint64_t& left, uint64_t bytes) const {
    if (bytes > left)
        return fail(Error(Errc::kInvalidConfig, "the image holds more than " + std::to_string(max_bytes_) +
                                                    " bytes, see --max-size"));
    left -= bytes;
    return {};
}

Result<void> Budget::spend_entry(std::string_view path) {
    if (entries_left_ == 0)
        return fail(Error(Errc::kInvalidConfig, "the image holds more than " + std::to_string(kMaxEntries) +
                                                    " files and directories"));
    if (path.size() > paths_left_)
        return fail(Error(Errc::kInvalidConfig, "the paths of the image's files are longer than " +
                                                    std::to_string(kMaxAllPathsBytes) + " bytes together"));
    --entries_left_;
    paths_left_ -= path.size();
    return {};
}

Result<void> Budget::spend_content(uint64_t bytes) {
    return spend(content_left_, bytes);
}

Result<void> Budget::spend_stream(uint64_t bytes) {
    return spend(stream_left_, bytes);
}

}  // namespace krun::image
