// SPDX-License-Identifier: Apache-2.0
// Why QEMU 7.2 ends a case in another way than we do, for docs/hostile-guest.md.
#pragma once
#include <string>
#include <string_view>

namespace krun::vmm {

// Of the case `name`; "unexplained" if nobody has looked.
std::string why_qemu_differs(std::string_view name);

}  // namespace krun::vmm
