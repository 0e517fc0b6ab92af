// SPDX-License-Identifier: Apache-2.0
// What this host has of what containers need, and what to do about the rest.
#pragma once
#include <string>
#include <vector>

namespace krun::runtime {

struct Finding {
    enum class Verdict {
        kOk,
        kWarning,  // containers run, but not all of them or not as they should
        kMissing,  // none runs
    };
    std::string subject;  // "kvm"
    Verdict verdict;
    std::string text;
    std::string remedy;  // empty when all is well
};

// One for each row of the table in the source. Changes nothing; runs a loop of some milliseconds in a guest,
// or of a second where KVM is software. `root` is the directory of the containers' states.
std::vector<Finding> check_host(std::string const& root);

}  // namespace krun::runtime
