// SPDX-License-Identifier: Apache-2.0
// Walls that a test build can take away, one at a time, to show that a test sees it: `hack/test mutations`.
// In every other build a guard stands, and is no code.
#pragma once
#include <cstdlib>
#include <string_view>

namespace krun {

#ifdef KRUN_MUTATIONS
// False for the guard that the environment's KRUN_MUTATION names.
inline bool guard_stands(std::string_view name) {
    static char const* const fallen = std::getenv("KRUN_MUTATION");
    return fallen == nullptr || name != fallen;
}
#else
constexpr bool guard_stands(std::string_view) {
    return true;
}
#endif

}  // namespace krun
