// SPDX-License-Identifier: Apache-2.0
// A hostile guest (guest/) on the host's KVM: what each device makes of each broken rule is what cases.h
// says, no other device notices, and the process outlives it. On QEMU the same guest is a check of the cases.
// Both have their columns in docs/hostile-guest.md.
#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/fd.h"
#include "tests/hostile/cases.h"
#include "tests/hostile/our_machine.h"
#include "tests/hostile/verdicts.h"
#include "tests/support/golden.h"

namespace krun::vmm {
namespace {

constexpr char kQemusVerdicts[] = "tests/hostile/qemu.txt";

TEST(HostileGuest, EveryBrokenRuleEndsAsTheTableSays) {
    if (!open_path("/dev/kvm", O_RDWR).ok()) GTEST_SKIP() << "skipped: /dev/kvm cannot be opened";
    auto const cases = all_cases();
    EXPECT_GE(cases.size(), 600u);
    auto const verdicts = run_in_our_machine(static_cast<uint32_t>(cases.size()));
    ASSERT_EQ(verdicts.size(), cases.size());
    std::vector<std::string> words;
    for (size_t i = 0; i < cases.size(); ++i) {
        auto const& one = cases[i];
        EXPECT_NE(verdicts[i] & one.expected, 0u)
            << one.device << ": " << one.name << ": " << word(verdicts[i]);
        EXPECT_EQ(verdicts[i] & (WEDGED | FAIL), 0u)
            << one.device << ": " << one.name << ": " << word(verdicts[i]);
        words.emplace_back(word(verdicts[i]));
    }
    auto const qemus = verdicts_of(cases, test::read_source_file(kQemusVerdicts));
    ASSERT_EQ(qemus.size(), cases.size()) << kQemusVerdicts << " is not about these cases";
    auto const page = page_of(cases, words, qemus);
    EXPECT_EQ(page.find("unexplained"), page.npos) << "why_qemu_differs.cc has no reason for a difference";
    test::expect_golden("docs/hostile-guest.md", page);
}

}  // namespace
}  // namespace krun::vmm
