// SPDX-License-Identifier: Apache-2.0
// A regular file as a stream, from its beginning.
#pragma once
#include <vector>

#include "base/unique_fd.h"
#include "config-gen/image/byte_source.h"

namespace krun::image {

class FileSource final : public ByteSource {
public:
    // The file must stay open. Its offset is neither used nor changed, so several sources may share it.
    explicit FileSource(BorrowedFd file);

    Result<Bytes> next() override;
    Result<uint64_t> skip(uint64_t bytes) override;

private:
    BorrowedFd file_;
    uint64_t offset_ = 0;
    std::vector<std::byte> buffer_;
};

// kInvalidConfig unless it is a regular file: nobody shall wait for the other end of a FIFO.
Result<void> expect_regular_file(BorrowedFd file);

}  // namespace krun::image
