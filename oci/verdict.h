// SPDX-License-Identifier: Apache-2.0
// The words of validation errors, so that all of them read alike: "PATH: must be …, is VALUE".
#pragma once
#include <concepts>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/strings.h"

namespace krun::oci {

// "process" + "cwd" -> "process.cwd"; the first may be empty.
inline std::string below(std::string const& path, std::string_view member) {
    return path + (path.empty() ? "" : ".") + std::string(member);
}
// "mounts" + 3 -> "mounts[3]".
inline std::string item(std::string const& path, size_t index) {
    return path + "[" + std::to_string(index) + "]";
}

inline Error invalid(std::string const& path, std::string const& rule, std::string_view value) {
    return Error(Errc::kInvalidConfig, path + ": " + rule + ", is " + quoted(value));
}
inline Error invalid(std::string const& path, std::string const& rule, std::integral auto value) {
    return Error(Errc::kInvalidConfig, path + ": " + rule + ", is " + std::to_string(value));
}
inline Error invalid(std::string const& path, std::string const& rule) {
    return Error(Errc::kInvalidConfig, path + ": " + rule);
}

inline bool is_absolute(std::string_view path) {
    return !path.empty() && path[0] == '/';
}

// Whether a component of `path` is "..".
inline bool has_dot_dot(std::string_view path) {
    for (auto const part : split(path, '/'))
        if (part == "..") return true;
    return false;
}

}  // namespace krun::oci
