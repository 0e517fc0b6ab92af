// SPDX-License-Identifier: Apache-2.0
// linux.sysctl, written through the boot tree's /proc from inside the payload's namespaces.
#pragma once
#include <map>
#include <string>

#include "base/error.h"

namespace krun::init {

// "net.ipv4.ip_forward" -> "net/ipv4/ip_forward"; a '/' in a key stands for the '.' of a name such as
// "eth0.1", or is the separator if it comes first (sysctl.d(5)).
std::string sysctl_path(std::string const& key);

// Errors name the key.
Result<void> write_sysctls(std::map<std::string, std::string> const& sysctl);

}  // namespace krun::init
