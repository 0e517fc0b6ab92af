// SPDX-License-Identifier: Apache-2.0
// Reading and writing fixed-layout bytes with every length checked. The host is little-endian x86-64
// and so is every format read here, so integers are copied as they are.
#pragma once
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace krun {

// Consumes a span front to back. Each take_ returns nullopt when too little is left, and then consumes
// nothing.
class ByteReader {
public:
    explicit ByteReader(std::span<std::byte const> bytes) : left_(bytes) {}

    size_t left() const { return left_.size(); }
    std::span<std::byte const> rest() const { return left_; }

    template <class T>
    std::optional<T> take() {
        static_assert(std::is_trivially_copyable_v<T>);
        if (left_.size() < sizeof(T)) return std::nullopt;
        T out;
        std::memcpy(&out, left_.data(), sizeof(T));
        left_ = left_.subspan(sizeof(T));
        return out;
    }
    std::optional<std::span<std::byte const>> take_bytes(size_t len) {
        if (left_.size() < len) return std::nullopt;
        auto const out = left_.first(len);
        left_ = left_.subspan(len);
        return out;
    }
    std::optional<std::string_view> take_text(size_t len) {
        auto const bytes = take_bytes(len);
        if (!bytes) return std::nullopt;
        return std::string_view(reinterpret_cast<char const*>(bytes->data()), bytes->size());
    }

private:
    std::span<std::byte const> left_;
};

// Appends to a vector it owns.
class ByteWriter {
public:
    template <class T>
    ByteWriter& put(T const& value) {
        static_assert(std::is_trivially_copyable_v<T>);
        return put_bytes(std::as_bytes(std::span(&value, 1)));
    }
    ByteWriter& put_bytes(std::span<std::byte const> bytes) {
        out_.insert(out_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    ByteWriter& put_text(std::string_view text) { return put_bytes(std::as_bytes(std::span(text))); }
    std::vector<std::byte> take() && { return std::move(out_); }

private:
    std::vector<std::byte> out_;
};

}  // namespace krun
