// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"

#include <charconv>

namespace krun {
namespace {

// Appends the first character of `text`, escaped if it is a control byte or not UTF-8; returns its length in
// bytes. REQUIRES: text is not empty.
size_t append_escaped(std::string& out, std::string_view text) {
    static constexpr char kHex[] = "0123456789abcdef";
    auto const c = static_cast<unsigned char>(text[0]);
    size_t const len = utf8_length(text);
    if (len == 0 || c < 0x20 || c == 0x7F) {
        out += "\\x";
        out += kHex[c >> 4];
        out += kHex[c & 15];
        return 1;
    }
    out += text.substr(0, len);
    return len;
}

template <class T>
std::optional<T> parse_whole(std::string_view text, int base) {
    T value{};
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

}  // namespace

std::optional<int64_t> parse_int64(std::string_view text) {
    return parse_whole<int64_t>(text, 10);
}
std::optional<uint64_t> parse_uint64(std::string_view text) {
    return parse_whole<uint64_t>(text, 10);
}
std::optional<uint64_t> parse_octal(std::string_view text) {
    return parse_whole<uint64_t>(text, 8);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        size_t const at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return parts;
        text.remove_prefix(at + 1);
    }
}

std::string join(std::span<std::string const> parts, std::string_view separator) {
    std::string out;
    for (auto const& part : parts) {
        if (&part != parts.data()) out += separator;
        out += part;
    }
    return out;
}

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) text.remove_prefix(append_escaped(out, text));
    return out;
}

std::string quoted(std::string_view text) {
    constexpr size_t kMaxBytes = 200;  // one message stays one readable line
    std::string out = "\"";
    size_t taken = 0;
    while (!text.empty() && taken < kMaxBytes) {
        if (text[0] == '"' || text[0] == '\\') out += '\\';
        size_t const step = append_escaped(out, text);
        text.remove_prefix(step);
        taken += step;
    }
    return out + (text.empty() ? "\"" : "…\"");
}

size_t utf8_length(std::string_view text) {
    if (text.empty()) return 0;
    auto const lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80) return 1;
    size_t const len = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < len) return 0;
    for (size_t i = 1; i < len; ++i)
        if (!is_continuation(text[i])) return 0;
    auto const second = static_cast<unsigned char>(text[1]);
    bool const overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    bool const surrogate = lead == 0xED && second >= 0xA0;
    bool const too_large = lead == 0xF4 && second >= 0x90;
    return overlong || surrogate || too_large ? 0 : len;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        size_t const len = utf8_length(text);
        if (len == 0) return false;
        text.remove_prefix(len);
    }
    return true;
}

}  // namespace krun
