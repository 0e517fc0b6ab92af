// SPDX-License-Identifier: Apache-2.0
// The time namespace of linux.namespaces and linux.timeOffsets (time_namespaces(7)).
#pragma once
#include <map>
#include <string>

#include "base/error.h"
#include "config-gen/krun_config.h"

namespace krun::init {

// The calling process enters it with its next execve(2), its children at once. Needs the boot tree's /proc.
Result<void> create_time_namespace(std::map<std::string, guest::TimeOffset> const& offsets);

}  // namespace krun::init
