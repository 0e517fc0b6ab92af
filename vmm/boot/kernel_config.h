// SPDX-License-Identifier: Apache-2.0
// The configuration that a kernel built with CONFIG_IKCONFIG carries in its image (Linux kernel/configs.c).
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace krun::vmm {

// Nothing if the image, an unpacked one, carries none that can be read.
std::optional<std::string> embedded_config(BorrowedFd image);
// Whether `config` says that `option` is not built in; a module is not.
bool is_not_built_in(std::string_view config, std::string_view option);
// Both at once; false if there is no configuration to tell.
bool lacks_option(BorrowedFd image, std::string_view option);

}  // namespace krun::vmm
