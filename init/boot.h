// SPDX-License-Identifier: Apache-2.0
// What init does to the fresh kernel before anything of the container's: its own mounts in the boot tree, and
// names. And how it ends the machine.
#pragma once
#include <string>

#include "base/error.h"

namespace krun::init {

// Descriptors 0 to 2 exist from here on, so that no later one lands there.
Result<void> occupy_standard_streams();
// /proc, /sys, /dev and /sys/fs/cgroup. One that is mounted already is left as it is.
Result<void> mount_boot_tree();
// Empty names are left alone.
Result<void> set_names(std::string const& hostname, std::string const& domainname);

// Resets the machine, which the host sees as an end without a reported status. There is no power button to
// press: the guest has no ACPI.
[[noreturn]] void end_machine();

}  // namespace krun::init
