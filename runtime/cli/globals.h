// SPDX-License-Identifier: Apache-2.0
// The flags that stand before the command and hold for all of them.
#pragma once
#include <span>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "runtime/cli/options.h"
#include "runtime/process/vm_process.h"

namespace krun::runtime {

struct Globals {
    std::string root;  // the directory of all containers' state directories
    std::string log;   // a file's path; empty: no log
    LogFormat log_format = LogFormat::kText;
    LogLevel log_level = LogLevel::kError;
    CgroupManager cgroup_manager = CgroupManager::kCgroupfs;
};

std::span<Flag const> global_flags();

// `runtime_dir` is $XDG_RUNTIME_DIR or nullptr; empty counts as unset, because podman passes it so.
Result<Globals> read_globals(Options const& options, char const* runtime_dir);

}  // namespace krun::runtime
