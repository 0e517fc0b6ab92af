// SPDX-License-Identifier: Apache-2.0
// linux.seccomp: installs the BPF program that the host compiled.
#pragma once
#include <linux/filter.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace krun::init {

// From the config's base64 text; the kernel checks the program itself (seccomp(2)).
Result<std::vector<sock_filter>> parse_seccomp(std::string const& base64);

// For the calling thread and what it will be. Needs no_new_privs or CAP_SYS_ADMIN.
Result<void> install_seccomp(std::vector<sock_filter>& program, uint32_t flags);

}  // namespace krun::init
