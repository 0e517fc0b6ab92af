// SPDX-License-Identifier: Apache-2.0
// The words behind `krun-config-gen unpack`.
#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "config-gen/image/unpack.h"

namespace krun::image {

// For --help.
extern std::string_view const kUnpackHelp;

// nullopt: --help was asked for. What is unknown, missing or there twice is kInvalidConfig.
Result<std::optional<UnpackOptions>> parse_unpack(std::span<char const* const> words);

}  // namespace krun::image
