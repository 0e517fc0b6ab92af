// SPDX-License-Identifier: Apache-2.0
// linux.sysctl, written through the boot tree's /proc from inside the payload's namespaces.
#pragma once
#include <map>
#include <string>

#include "base/error.h"
#include "base/sysctl_path.h"

namespace krun::init {

using krun::sysctl_path;

// Errors name the key.
Result<void> write_sysctls(std::map<std::string, std::string> const& sysctl);

}  // namespace krun::init
