// SPDX-License-Identifier: Apache-2.0
// process.capabilities (capabilities(7)): names to bits, and the two halves around the change of user.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config-gen/krun_config.h"

namespace krun::init {

// Bit N is capability N.
struct CapabilitySets {
    uint64_t bounding = 0;
    uint64_t effective = 0;
    uint64_t inheritable = 0;
    uint64_t permitted = 0;
    uint64_t ambient = 0;
};

// Names that neither we nor the kernel know are left out (runtime-spec config.md#linux-process asks for a
// warning, not an error). `last` is the highest capability of the running kernel.
CapabilitySets parse_capabilities(guest::Capabilities const& names, unsigned last);
// From prctl(PR_CAPBSET_READ), so that /proc need not be there.
unsigned last_capability();

// Before the change of user: drops from the bounding set what is not in `sets`, which needs CAP_SETPCAP, and
// keeps the permitted set over the change.
Result<void> limit_bounding(CapabilitySets const& sets, unsigned last);
// After it: sets the three sets of the thread, then the ambient one, which may hold only what is permitted
// and inheritable by then. `also_effective` is held on to, for what must still be done: see drop_to().
Result<void> set_capabilities(CapabilitySets const& sets, uint64_t also_effective);
// Makes the effective set as large as the permitted one.
Result<void> use_permitted_capabilities();
// Gives up, for good, all that is not in `kept`.
Result<void> keep_capabilities(uint64_t kept);
// Gives up what also_effective held.
Result<void> drop_to(CapabilitySets const& sets);

}  // namespace krun::init
