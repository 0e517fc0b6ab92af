// SPDX-License-Identifier: Apache-2.0
// linux.resources as cgroup v2 files (runtime-spec config-linux.md#control-groups): what the host applies to
// the container process. Which of it applies in the guest is config-gen/from_oci.h's business.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "oci/spec.h"

namespace krun::runtime {

// What the container process needs beside guest RAM: its own memory, its threads' stacks, page tables and
// KVM's shadow of guest memory. Without it the host's OOM killer would meet a payload at its limit before the
// guest's own does. In memory.max of the host, and in no limit that the guest sees.
inline constexpr int64_t kProcessOverheadBytes = int64_t{64} << 20;

// One write(2) into one file of the cgroup.
struct CgroupSetting {
    std::string file;
    std::string value;
};

// In the order in which they are to be written: `unified` last, so that it has the last word.
std::vector<CgroupSetting> cgroup_settings(oci::Resources const& resources);

}  // namespace krun::runtime
