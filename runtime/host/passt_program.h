// SPDX-License-Identifier: Apache-2.0
// Where passt(1) is: in fixed places alone, as whoever chooses PATH or an image must not choose what runs on
// the host.
#pragma once
#include <unistd.h>

namespace krun::runtime {

inline constexpr char const* kPasstPlaces[] = {"/usr/bin/passt", "/usr/local/bin/passt"};

// nullptr: it is not installed.
inline char const* passt_program() {
    for (auto const* path : kPasstPlaces)
        if (::access(path, X_OK) == 0) return path;
    return nullptr;
}

}  // namespace krun::runtime
