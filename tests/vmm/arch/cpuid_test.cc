// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>

#include "vmm/arch/x86_64/setup.h"

namespace krun::vmm::x86_64 {
namespace {

kvm_cpuid_entry2 entry(uint32_t leaf, uint32_t index, uint32_t eax, uint32_t ebx = 0, uint32_t ecx = 0) {
    kvm_cpuid_entry2 e{};
    e.function = leaf;
    e.index = index;
    e.eax = eax;
    e.ebx = ebx;
    e.ecx = ecx;
    return e;
}

// A host with the leaves that matter here.
CpuidEntries host() {
    return {entry(0, 0, 0xd),
            entry(1, 0, 0x50654, 0x07100800),
            entry(4, 0, 0x1c004121),    // L1 data, 8 cores
            entry(4, 3, 0x1c01c163),    // L3 shared by 8
            entry(6, 0, 0x77, 2, 9),    // thermal features that no guest can use
            entry(0xa, 0, 0x07300404),  // performance counters
            entry(0xb, 0, 1, 2, 0x100),
            entry(0x1f, 0, 1, 2, 0x100),
            entry(0x40000000, 0, 0x40000001, 0x4b4d564b, 0x564b4d56)};
}

std::optional<kvm_cpuid_entry2> leaf(CpuidEntries const& entries, uint32_t function, uint32_t index = 0) {
    std::optional<kvm_cpuid_entry2> found;
    for (auto const& e : entries)
        if (e.function == function && e.index == index) {
            EXPECT_FALSE(found) << "leaf " << function << " is there twice";
            found = e;
        }
    return found;
}

TEST(GuestCpuid, NothingIsLeftForAPitToDo) {
    auto const cpuid = guest_cpuid(host(), {0, 1, 2'500'000});
    EXPECT_EQ(leaf(cpuid, 6)->eax, 1u << 2) << "ARAT alone";
    EXPECT_EQ(leaf(cpuid, 6)->ecx, 0u);
    EXPECT_TRUE(leaf(cpuid, 1)->ecx & 1u << 24) << "TSC deadline timer";
    EXPECT_TRUE(leaf(cpuid, 1)->ecx & 1u << 31) << "hypervisor";
    EXPECT_EQ(leaf(cpuid, 0x40000010)->eax, 2'500'000u);
    EXPECT_EQ(leaf(cpuid, 0x40000010)->ebx, 1'000'000u);
    EXPECT_GE(leaf(cpuid, 0x40000000)->eax, 0x40000010u);
    EXPECT_EQ(leaf(cpuid, 0x40000000)->ebx, 0x4b4d564bu) << "KVM's signature stays";
    EXPECT_GE(leaf(cpuid, 0)->eax, 0x16u);
}

TEST(GuestCpuid, TscRatioIsExactToAHundredthPercentAndFitsLinuxArithmetic) {
    for (uint32_t const khz : {1'000'000u, 2'099'998u, 2'596'106u, 3'700'123u, 4'294'000u}) {
        auto const e = leaf(guest_cpuid(host(), {0, 1, khz}), 0x15);
        ASSERT_TRUE(e);
        uint64_t const product =
            uint64_t{e->ecx / 1000} * e->ebx;  // as Linux native_calibrate_tsc() does, in 32 bits
        EXPECT_LE(product, UINT32_MAX);
        auto const difference = std::abs(static_cast<int64_t>(product / e->eax) - int64_t{khz});
        EXPECT_LT(difference, khz / 10'000) << khz;
        EXPECT_EQ(leaf(guest_cpuid(host(), {0, 1, khz}), 0x16)->eax, khz / 1000);
    }
}

TEST(GuestCpuid, UnknownFrequencyIsNotInvented) {
    auto const cpuid = guest_cpuid(host(), {0, 1, 0});
    EXPECT_FALSE(leaf(cpuid, 0x15));
    EXPECT_FALSE(leaf(cpuid, 0x16));
    EXPECT_FALSE(leaf(cpuid, 0x40000010));
}

TEST(GuestCpuid, EveryVcpuHasItsOwnIdInEveryLeafThatHasOne) {
    for (uint32_t const index : {0u, 1u, 63u}) {
        auto const cpuid = guest_cpuid(host(), {index, 64, 0});
        EXPECT_EQ(leaf(cpuid, 1)->ebx >> 24, index);
        EXPECT_EQ((leaf(cpuid, 1)->ebx >> 16) & 0xff, 64u);
        EXPECT_EQ(leaf(cpuid, 0xb, 0)->edx, index);
        EXPECT_EQ(leaf(cpuid, 0xb, 1)->edx, index);
        EXPECT_EQ(leaf(cpuid, 0xb, 1)->eax, 6u) << "bits of an id";
        EXPECT_EQ(leaf(cpuid, 0xb, 1)->ebx, 64u);
        EXPECT_FALSE(leaf(cpuid, 0x1f));
    }
}

TEST(GuestCpuid, OneVcpuIsNoMultiprocessor) {
    auto const cpuid = guest_cpuid(host(), {0, 1, 0});
    EXPECT_FALSE(leaf(cpuid, 1)->edx & 1u << 28);
    EXPECT_EQ(leaf(cpuid, 0xb, 1)->eax, 0u);
    EXPECT_EQ(leaf(cpuid, 4, 3)->eax >> 14, 0u) << "nobody to share a cache with";
}

TEST(GuestCpuid, LastLevelCacheIsSharedByAllAndTheOthersByNone) {
    auto const cpuid = guest_cpuid(host(), {0, 4, 0});
    EXPECT_EQ(leaf(cpuid, 4, 0)->eax >> 14 & 0xfff, 0u);
    EXPECT_EQ(leaf(cpuid, 4, 3)->eax >> 14 & 0xfff, 3u);
    EXPECT_EQ(leaf(cpuid, 4, 3)->eax >> 26, 3u);
}

TEST(GuestCpuid, NoPerformanceCountersArePromised) {
    EXPECT_EQ(leaf(guest_cpuid(host(), {0, 1, 0}), 0xa)->eax, 0u);
}

TEST(OfferVirtualization, UnlessItIsWantedTheGuestSeesNone) {
    for (bool const intel : {true, false}) {
        CpuidEntries const kvm = {entry(1, 0, 0x50654, 0, intel ? 1u << 5 | 1 : 1),
                                  entry(0x80000001, 0, 0, 0, intel ? 1 : 1u << 2 | 1),
                                  entry(0x8000000a, 0, 1)};
        auto plain = kvm;
        ASSERT_TRUE(offer_virtualization(plain, false).ok());
        EXPECT_EQ(leaf(plain, 1)->ecx, 1u);
        EXPECT_EQ(leaf(plain, 0x80000001)->ecx, 1u);
        EXPECT_FALSE(leaf(plain, 0x8000000a));
        auto nested = kvm;
        ASSERT_TRUE(offer_virtualization(nested, true).ok());
        EXPECT_EQ(leaf(nested, 1)->ecx | leaf(nested, 0x80000001)->ecx, intel ? 1u << 5 | 1 : 1u << 2 | 1);
        EXPECT_EQ(leaf(nested, 0x8000000a)->eax, 1u);
    }
}

TEST(OfferVirtualization, WhereKvmHasNoneTheWishIsAnErrorThatSaysWhatToDo) {
    auto entries = host();
    auto const offered = offer_virtualization(entries, true);
    ASSERT_FALSE(offered.ok());
    EXPECT_EQ(offered.error().code(), Errc::kUnsupported);
    EXPECT_NE(offered.error().message().find("parameter `nested`"), std::string::npos);
}

}  // namespace
}  // namespace krun::vmm::x86_64
