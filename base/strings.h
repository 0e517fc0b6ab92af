// SPDX-License-Identifier: Apache-2.0
// Strict parsing of small texts, and making foreign bytes fit for a message.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace krun {

// A whole text of decimal digits, for int64_t with an optional leading '-'. No white space, no '+', no other
// base; nullopt when it is anything else or does not fit.
std::optional<int64_t> parse_int64(std::string_view text);
std::optional<uint64_t> parse_uint64(std::string_view text);
// The same in base 8, for file modes.
std::optional<uint64_t> parse_octal(std::string_view text);

// The parts between `separator`s, empty ones included: "a,,b" has three, "" has one.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(std::span<std::string const> parts, std::string_view separator);

// `text` in double quotes; quotes, backslashes and control bytes escaped, so that a file name cannot forge
// a log line or drive a terminal. Longer than 200 bytes is cut with "…".
std::string quoted(std::string_view text);
// The same escapes without the quotes around it, of any length: for texts that the guest wrote.
std::string printable(std::string_view text);

// Bytes of the UTF-8 sequence `text` starts with, 1 to 4; 0 if it is empty or not valid (RFC 3629: no
// overlong forms, surrogates or code points above 10FFFF).
size_t utf8_length(std::string_view text);
bool is_utf8(std::string_view text);

}  // namespace krun
