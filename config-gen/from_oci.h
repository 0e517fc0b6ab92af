// SPDX-License-Identifier: Apache-2.0
// Spec -> KrunConfig: what the guest is to do, with the defaults that runc's users know. Changes nothing on
// the host; the only thing it looks at there is whether a bind source is a device node or a socket.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config-gen/exec_config.h"
#include "config-gen/guest_mounts.h"
#include "config-gen/krun_config.h"
#include "config-gen/virtual_files.h"
#include "oci/spec.h"

namespace krun {

struct GuestPlan {
    KrunConfig config;
    std::vector<BindSource> binds;   // in the order of their mounts
    std::vector<VirtualFile> files;  // likewise
    bool info = false;               // the payload sees kInfoTree
    bool host_locks = false;         // locks of files are the host's
    bool posix_acls = false;         // the root file system has ACLs
    std::optional<oci::BudgetAnnotation> root_budget;
};

// REQUIRES: `spec` is validated. kInvalidConfig without a process; kUnsupported for what no guest can do
// (seccomp's notify action). Errors name the JSON path.
Result<GuestPlan> from_oci(oci::Spec const& spec);

// One more process for a container made from `spec`, whose seccomp filter and personality it shares.
// REQUIRES: both are validated.
Result<ExecConfig> exec_from_oci(oci::Spec const& spec, oci::Process const& process);

}  // namespace krun
