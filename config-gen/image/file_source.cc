// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/file_source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace krun::image {

// Larger is not faster: a decompressor takes longer than the call.
static constexpr size_t kBufferBytes = size_t{256} * 1024;

FileSource::FileSource(BorrowedFd file) : file_(file), buffer_(kBufferBytes) {}

Result<Bytes> FileSource::next() {
    while (true) {
        ssize_t const n = ::pread(file_.raw(), buffer_.data(), buffer_.size(), static_cast<off_t>(offset_));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(Error::sys("read"));
        offset_ += static_cast<uint64_t>(n);
        return Bytes(buffer_.data(), static_cast<size_t>(n));
    }
}

// Not beyond the end: there the reader has to find that the file is too short.
Result<uint64_t> FileSource::skip(uint64_t bytes) {
    struct stat info {};
    if (::fstat(file_.raw(), &info) < 0) return fail(Error::sys("look at it"));
    auto const size = static_cast<uint64_t>(info.st_size);
    uint64_t const step = std::min(bytes, size - std::min(offset_, size));
    offset_ += step;
    return step;
}

Result<void> expect_regular_file(BorrowedFd file) {
    struct stat info {};
    if (::fstat(file.raw(), &info) < 0) return fail(Error::sys("look at it"));
    if (!S_ISREG(info.st_mode)) return fail(Error(Errc::kInvalidConfig, "must be a regular file"));
    return {};
}

}  // namespace krun::image
