// SPDX-License-Identifier: Apache-2.0
#include "vmm/arch/x86_64/setup.h"

namespace krun::vmm::x86_64 {

std::vector<kvm_msr_entry> boot_msrs() {
    auto const entry = [](uint32_t index, uint64_t value) {
        kvm_msr_entry e{};
        e.index = index;
        e.data = value;
        return e;
    };
    return {
        entry(0x1a0, 1),      // IA32_MISC_ENABLE: fast string operations
        entry(0x2ff, 0x806),  // IA32_MTRR_DEF_TYPE: MTRRs on, all memory write-back
    };
}

}  // namespace krun::vmm::x86_64
