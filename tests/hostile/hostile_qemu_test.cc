// SPDX-License-Identifier: Apache-2.0
// The hostile guest on QEMU's microvm: a check of the cases, which are what the specification says and not
// what our devices do. What differs has its reason in why_qemu_differs.cc.
#include <gtest/gtest.h>

#include "tests/hostile/qemu_machine.h"
#include "tests/hostile/verdicts.h"
#include "tests/support/golden.h"

namespace krun::vmm {
namespace {

TEST(HostileGuestOnQemu, EndsAsTheListSays) {
    if (!has_qemu()) GTEST_SKIP() << "skipped: no qemu-system-x86_64";
    auto const cases = all_cases();
    test::expect_golden("tests/hostile/qemu.txt",
                        list_of(cases, run_on_qemu(static_cast<uint32_t>(cases.size()))));
}

}  // namespace
}  // namespace krun::vmm
