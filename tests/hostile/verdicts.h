// SPDX-License-Identifier: Apache-2.0
// The hostile guest's cases, in its order, and the page that says how each ended.
#pragma once
#include <string>
#include <vector>

namespace krun::vmm {

struct Case {
    char const* area;
    char const* name;
    char const* device;
    unsigned expected;  // PASS, REJECT or EITHER of cases.h
};
std::vector<Case> all_cases();

// "PASS", "REJECT", "WEDGED" or "FAIL" for what the guest said.
char const* word(unsigned verdict);

// A line for each case: area, name, device, verdict. Of QEMU, where a verdict may also be "ENDED" (it has
// ended itself), "HUNG" (it had to be killed), or "none" (it has no such device).
std::string list_of(std::vector<Case> const& cases, std::vector<std::string> const& verdicts);
// The verdicts of such a list; empty, if it is not about these cases.
std::vector<std::string> verdicts_of(std::vector<Case> const& cases, std::string const& list);

// docs/hostile-guest.md.
std::string page_of(std::vector<Case> const& cases, std::vector<std::string> const& ours,
                    std::vector<std::string> const& qemus);

}  // namespace krun::vmm
