// SPDX-License-Identifier: Apache-2.0
// A stream of bytes that is read once, from front to back: a file, a member of an archive, what comes out of
// a decompressor. Sources stand on each other; the one below must outlive the one above. One thread; blocks.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/error.h"

namespace krun::image {

using Bytes = std::span<std::byte const>;

class ByteSource {
public:
    virtual ~ByteSource() = default;
    // The next bytes, empty at the end. They are good until the next call.
    virtual Result<Bytes> next() = 0;
    // Passes over at most `bytes`, and says how many it did: 0 if they have to be read.
    virtual Result<uint64_t> skip(uint64_t /*bytes*/) { return uint64_t{0}; }
};

// Shows all that is read from `below` to `see`, which may end it with an error.
class WatchedSource final : public ByteSource {
public:
    using See = std::function<Result<void>(Bytes)>;
    WatchedSource(ByteSource& below, See see) : below_(below), see_(std::move(see)) {}

    Result<Bytes> next() override {
        auto const bytes = TRY(below_.next());
        TRY(see_(bytes));
        return bytes;
    }

private:
    ByteSource& below_;
    See see_;
};

// Reads to the end, for what the source's watchers do.
Result<void> drain(ByteSource& source);
// All of it; more than `max_bytes` is an error that says so.
Result<std::string> read_all(ByteSource& source, size_t max_bytes);

}  // namespace krun::image
