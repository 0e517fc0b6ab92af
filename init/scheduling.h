// SPDX-License-Identifier: Apache-2.0
// process.scheduler and process.ioPriority (runtime-spec config.md#linux-process), among the processes of the
// guest.
#pragma once
#include "base/error.h"
#include "config-gen/krun_config.h"

namespace krun::init {

// For the calling thread and what it will be. Needs CAP_SYS_NICE of the machine.
Result<void> set_scheduler(guest::Scheduler const& wanted);
Result<void> set_io_priority(guest::IoPriority const& wanted);

}  // namespace krun::init
