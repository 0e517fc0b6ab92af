// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648 §4, with padding): bytes inside JSON.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace krun {

std::string encode_base64(std::span<std::byte const> bytes);
// nullopt for anything that encode_base64 would not have written: foreign characters, white space, wrong
// padding, bits after the end.
std::optional<std::vector<std::byte>> decode_base64(std::string_view text);

}  // namespace krun
