// SPDX-License-Identifier: Apache-2.0
// A fuzz input read as a script: small numbers that choose steps, and raw bytes for what a step writes. An
// exhausted script reads zeros, so that every prefix of an input is an input.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace krun {

class FuzzScript {
public:
    FuzzScript(uint8_t const* data, size_t size) : data_(data), left_(size) {}

    bool done() const { return left_ == 0; }
    template <class T>
    T take() {
        T out{};
        size_t const n = std::min(sizeof(T), left_);
        std::memcpy(&out, data_, n);
        advance(n);
        return out;
    }
    // At most `max_bytes`; the length is in the script.
    std::string take_text(size_t max_bytes) {
        size_t const n = std::min({size_t{take<uint8_t>()}, max_bytes, left_});
        std::string out(reinterpret_cast<char const*>(data_), n);
        advance(n);
        return out;
    }

private:
    void advance(size_t n) {
        data_ += n;
        left_ -= n;
    }
    uint8_t const* data_;
    size_t left_;
};

}  // namespace krun
