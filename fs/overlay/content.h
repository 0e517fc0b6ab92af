// SPDX-License-Identifier: Apache-2.0
// Where a virtual file's bytes come from, and where written ones go.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "fs/file_system.h"

namespace krun::fs {

// Bytes, owned or borrowed, shared by everyone who has the file open.
class Content {
public:
    // Copies of a Content share the bytes; the last one frees them.
    static Content owned(std::vector<std::byte> bytes) {
        auto keep = std::make_shared<std::vector<std::byte> const>(std::move(bytes));
        std::span<std::byte const> const view(*keep);
        return Content(view, std::move(keep));
    }
    static Content owned(std::string_view text) {
        auto const bytes = std::as_bytes(std::span(text));
        return owned(std::vector<std::byte>(bytes.begin(), bytes.end()));
    }
    // Not copied: `bytes` must outlive the file system and every handle of it, and never change.
    static Content borrowed(std::span<std::byte const> bytes) { return Content(bytes, nullptr); }

    std::span<std::byte const> bytes() const { return bytes_; }

private:
    Content(std::span<std::byte const> bytes, std::shared_ptr<void const> keep)
        : bytes_(bytes), keep_(std::move(keep)) {}

    std::span<std::byte const> bytes_;
    std::shared_ptr<void const> keep_;
};

// Makes the content of a file whose bytes are computed: called at each OPEN, from any thread; what it returns
// is what that one open reads to its end. The size that stat(2) shows is that of the last open, rounded up.
using Generator = std::function<FsResult<Content>()>;

// Takes what the guest writes to a file: called at each WRITE, from any thread, with at most
// kMaxReceivedBytes; the bytes are its own copy, and gone when it returns. How many it took is the guest's
// answer (fewer than all is a short write); they need not be kept, nor have anything to do with what the same
// file reads as.
using Receiver = std::function<FsResult<size_t>(uint64_t offset, std::span<std::byte const> bytes)>;
inline constexpr size_t kMaxReceivedBytes = 64 << 10;

// A file that is both: a control of the host's.
struct Exchange {
    Generator read;
    Receiver write;
};

}  // namespace krun::fs
