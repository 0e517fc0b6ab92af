// SPDX-License-Identifier: Apache-2.0
#include "base/json_writer.h"

#include "base/strings.h"

namespace krun {

void JsonWriter::newline() {
    if (style_ == Style::kCompact) return;
    out_ += '\n';
    out_.append(size_t{2} * depth_, ' ');
}

// What stands between the previous value and the next one.
void JsonWriter::separate() {
    if (after_key_) {
        after_key_ = false;
        return;
    }
    if (!first_) out_ += ',';
    if (depth_ > 0) newline();
    first_ = false;
}

JsonWriter& JsonWriter::open(char bracket) {
    separate();
    out_ += bracket;
    ++depth_;
    first_ = true;
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    --depth_;
    if (!first_) newline();
    out_ += bracket;
    first_ = false;
    return *this;
}

JsonWriter& JsonWriter::begin_object() {
    return open('{');
}
JsonWriter& JsonWriter::end_object() {
    return close('}');
}
JsonWriter& JsonWriter::begin_array() {
    return open('[');
}
JsonWriter& JsonWriter::end_array() {
    return close(']');
}

JsonWriter& JsonWriter::key(std::string_view name) {
    separate();
    quote(name);
    out_ += style_ == Style::kCompact ? ":" : ": ";
    after_key_ = true;
    return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
    separate();
    quote(text);
    return *this;
}

JsonWriter& JsonWriter::integer(int64_t value) {
    return raw(std::to_string(value));
}
JsonWriter& JsonWriter::unsigned_integer(uint64_t value) {
    return raw(std::to_string(value));
}
JsonWriter& JsonWriter::boolean(bool value) {
    return raw(value ? "true" : "false");
}
JsonWriter& JsonWriter::null() {
    return raw("null");
}

JsonWriter& JsonWriter::raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
}

void JsonWriter::quote(std::string_view text) {
    static constexpr char kHex[] = "0123456789abcdef";
    out_ += '"';
    while (!text.empty()) {
        auto const c = static_cast<unsigned char>(text[0]);
        size_t const len = utf8_length(text);
        if (len == 0) {
            out_ += "\xEF\xBF\xBD";  // U+FFFD
        } else if (c == '"' || c == '\\') {
            out_ += '\\';
            out_ += text[0];
        } else if (c == '\n') {
            out_ += "\\n";
        } else if (c == '\t') {
            out_ += "\\t";
        } else if (c < 0x20) {
            out_ += "\\u00";
            out_ += kHex[c >> 4];
            out_ += kHex[c & 15];
        } else {
            out_ += text.substr(0, len);
        }
        text.remove_prefix(len == 0 ? 1 : len);
    }
    out_ += '"';
}

}  // namespace krun
