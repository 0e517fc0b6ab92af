// SPDX-License-Identifier: Apache-2.0
// Writing JSON (RFC 8259), compact or indented. Keys come out in the order they are given.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace krun {

class JsonWriter {
public:
    enum class Style : uint8_t { kCompact, kIndented };  // kIndented: two spaces a level
    explicit JsonWriter(Style style = Style::kCompact) : style_(style) {}

    // REQUIRES: calls form one valid JSON value: key() before each value inside an object, ends match.
    JsonWriter& begin_object();
    JsonWriter& end_object();
    JsonWriter& begin_array();
    JsonWriter& end_array();
    JsonWriter& key(std::string_view name);
    // Bytes that are not UTF-8 become U+FFFD, so that any path or message gives a valid text.
    JsonWriter& string(std::string_view text);
    JsonWriter& integer(int64_t value);
    JsonWriter& unsigned_integer(uint64_t value);
    JsonWriter& boolean(bool value);
    JsonWriter& null();
    // A value that is JSON already, put in as it is.
    JsonWriter& raw(std::string_view json);

    // The text; no newline at its end.
    std::string take() && { return std::move(out_); }

private:
    void separate();
    void newline();
    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);
    void quote(std::string_view text);

    Style style_;
    std::string out_;
    unsigned depth_ = 0;
    bool first_ = true;       // no value yet in the innermost container
    bool after_key_ = false;  // the next value belongs to a key
};

}  // namespace krun
