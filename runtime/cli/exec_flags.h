// SPDX-License-Identifier: Apache-2.0
// The process that exec's flags and arguments ask for: either --process FILE says all of it, or the
// container's own process is the pattern and the flags change it.
#pragma once
#include "base/error.h"
#include "config-gen/exec_config.h"
#include "oci/spec.h"
#include "runtime/cli/options.h"

namespace krun::runtime {

inline constexpr Flag kExecProcessFlag{"process", 'p', "FILE", "all of the process, as in config.json"};
inline constexpr Flag kExecTtyFlag{"tty", 't', nullptr, "with a terminal"};
inline constexpr Flag kExecCwdFlag{"cwd", 0, "DIR", "working directory"};
inline constexpr Flag kExecEnvFlag{"env", 'e', "NAME=VALUE", "one more variable; may be repeated"};
inline constexpr Flag kExecUserFlag{"user", 'u', "USER[:GROUP]", "ids, or names that the container knows"};
inline constexpr Flag kExecGroupsFlag{"additional-gids", 'g', "GID", "one more group; may be repeated"};
inline constexpr Flag kExecCapFlag{"cap", 'c', "CAP_NAME", "one more capability; may be repeated"};
inline constexpr Flag kExecNoNewPrivsFlag{"no-new-privs", 0, nullptr, "no program can gain privileges"};
inline constexpr Flag kExecCgroupFlag{"cgroup", 0, "PATH", "cgroup below the container's, in the machine"};

// `spec` is the container's. kInvalidConfig names the flag, or the file and the JSON path in it. REQUIRES:
// the options were read with the flags above, and the first positional is the container's id.
Result<ExecConfig> exec_config(Options const& options, oci::Spec const& spec);

}  // namespace krun::runtime
