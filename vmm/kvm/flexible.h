// SPDX-License-Identifier: Apache-2.0
// KVM's structures that end in an array, as C++ must spell them: the kernel's headers give such a structure
// another size in C++ than in C (an empty struct is one byte here), and the size is part of the ioctl's
// number.
#pragma once
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace krun::vmm {

// The heads of kvm_cpuid2 and kvm_msrs alike (kvm api §4.20, §4.19).
struct FlexibleHead {
    uint32_t count;
    uint32_t padding;
};
static_assert(sizeof(FlexibleHead) == 8);

inline constexpr unsigned long kGetSupportedCpuid = _IOWR(KVMIO, 0x05, FlexibleHead);
inline constexpr unsigned long kSetCpuid2 = _IOW(KVMIO, 0x90, FlexibleHead);
inline constexpr unsigned long kSetMsrs = _IOW(KVMIO, 0x89, FlexibleHead);

template <class Element>
std::vector<std::byte> with_head(std::span<Element const> elements) {
    FlexibleHead const head{static_cast<uint32_t>(elements.size()), 0};
    std::vector<std::byte> out(sizeof head + elements.size_bytes());
    std::memcpy(out.data(), &head, sizeof head);
    if (!elements.empty()) std::memcpy(out.data() + sizeof head, elements.data(), elements.size_bytes());
    return out;
}

}  // namespace krun::vmm
