// SPDX-License-Identifier: Apache-2.0
// What cgroup v1 and cgroup v2 call the same things: linux.resources as files (runtime-spec
// config-linux.md#control-groups), the freezer, and what was used. It is what the host applies to the
// container process; which of it applies in the guest is config-gen/from_oci.h's business.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "oci/spec.h"

namespace krun::runtime {

// What the container process needs beside guest RAM: its own memory, its threads' stacks, page tables and
// KVM's shadow of guest memory. Without it the host's OOM killer would meet a payload at its limit before the
// guest's own does. In the host's limit of memory, and in no limit that the guest sees.
inline constexpr int64_t kProcessOverheadBytes = int64_t{64} << 20;

// One write(2) into one file of the cgroup. What is before the file's first dot is the controller.
struct CgroupSetting {
    std::string file;
    std::string value;
};

// A number, and what it is divided by to be in the unit of v2's cpu.stat, whose name it goes by.
struct CpuCounter {
    char const* name;
    char const* file;
    char const* field;  // nullptr: the file is the number alone
    uint64_t divisor;
};

struct CgroupVersion {
    // In the order in which they are to be written: `unified` last, so that it has the last word.
    std::vector<CgroupSetting> (*settings)(oci::Resources const& resources);
    struct {
        char const* file;
        char const* freeze;
        char const* thaw;
        char const* wanted;  // the file that begins with 1 while it is to be frozen
        char const* state;   // the file that has the text `frozen` when it is
        char const* frozen;
        char const*
            kernel_threads;  // the file of cgroup.procs that takes those, which never freeze; or nullptr
    } freezer;
    struct {
        char const* usage;
        char const* peak;
        char const* limit;
        uint64_t unlimited;  // from here on no limit, if not said by a word
        char const* cache;   // of memory.stat: what of the usage the kernel can do without
    } memory;
    std::span<CpuCounter const> cpu;
};

extern CgroupVersion const kCgroupV1;
extern CgroupVersion const kCgroupV2;

}  // namespace krun::runtime
