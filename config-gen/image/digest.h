// SPDX-License-Identifier: Apache-2.0
// Content addresses (image-spec descriptor.md#digests): "sha256:" or "sha512:" and lower-case hex digits.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "config-gen/image/byte_source.h"

namespace krun::image {

class Digest {
public:
    // kUnsupported for another algorithm, kInvalidConfig for what is none.
    static Result<Digest> parse(std::string_view text);

    std::string const& algorithm() const { return algorithm_; }  // "sha256"
    std::string const& hex() const { return hex_; }
    std::string text() const { return algorithm_ + ":" + hex_; }
    friend bool operator==(Digest const&, Digest const&) = default;

private:
    Digest(std::string_view algorithm, std::string_view hex) : algorithm_(algorithm), hex_(hex) {}
    std::string algorithm_;
    std::string hex_;
};

// Counts and hashes bytes, to compare them with what a descriptor promised.
class Verifier {
public:
    explicit Verifier(Digest wanted);

    void add(Bytes bytes);
    uint64_t bytes() const { return bytes_; }
    // After the last byte, once. Says both digests if they differ.
    Result<void> finish();

private:
    Digest wanted_;
    std::unique_ptr<std::byte[]> state_;  // the library's
    uint64_t bytes_ = 0;
};

}  // namespace krun::image
