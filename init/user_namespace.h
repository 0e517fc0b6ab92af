// SPDX-License-Identifier: Apache-2.0
// The payload's user namespace (user_namespaces(7)). Its maps are config.json's as they are: the machine's
// ids are those of the host's files, so an owner on the host shows in the payload as it would without a
// machine.
//
// Mounts, devices and limits are made before, by the machine's root, because sysfs, device nodes and raised
// limits are refused to anybody else. So its ipc and pid namespaces belong to the machine's user namespace.
#pragma once
#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"

namespace krun::init {

// From here on, what this process creates belongs to root of the namespace to come. Nothing without mappings.
Result<void> act_as_container_root(guest::Krun const& krun);

// /proc as the boot tree shows it: needed when that tree is out of reach. O_PATH.
Result<UniqueFd> open_boot_proc();

// Enters the namespace, with copies of the mount, uts and cgroup namespaces that belong to it. All
// capabilities are there afterwards, over the namespace; the ids are still the machine's. Nothing without
// mappings. REQUIRES: the payload's first process, with one thread and no child.
Result<void> enter_user_namespace(guest::Krun const& krun, BorrowedFd boot_proc);

}  // namespace krun::init
