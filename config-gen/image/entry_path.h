// SPDX-License-Identifier: Apache-2.0
// The name of an archive's entry, as a place below the root: image-spec layer.md#whiteouts and the bounds
// that keep every later walk short.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace krun::image {

inline constexpr size_t kMaxPathBytes = 4096;  // PATH_MAX
inline constexpr size_t kMaxNameBytes = 255;   // NAME_MAX
inline constexpr size_t kMaxPathComponents = 256;

enum class PathKind : uint8_t {
    kPlain,
    kWhiteout,  // hides `name` of the layers below
    kOpaque,    // hides all that the layers below have in `parent`
};

struct EntryPath {
    PathKind kind = PathKind::kPlain;
    std::string parent;  // "a/b"; empty for the root
    std::string name;    // empty: the root itself, or an opaque whiteout

    std::string full() const { return parent.empty() || name.empty() ? parent + name : parent + "/" + name; }
};

// Leading slashes, doubled ones and "." mean nothing. ".." is kInvalidConfig, and so is a whiteout of
// nothing, of
// "." or "..", one that has something below it, and what is longer than the bounds.
Result<EntryPath> parse_entry_path(std::string_view text);
// The same for the target of a hard link, which cannot be a whiteout: such names are none of a file's.
Result<EntryPath> parse_link_path(std::string_view text);

}  // namespace krun::image
