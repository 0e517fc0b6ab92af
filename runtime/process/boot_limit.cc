// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/boot_limit.h"

namespace krun::runtime {

std::string boot_limit_reason(std::chrono::milliseconds limit, bool cpu_has_virtualization) {
    auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(limit).count();
    std::string reason = "the guest was not ready after " + std::to_string(seconds) + " s";
    if (!cpu_has_virtualization)
        reason += "; this host's KVM is emulated in software (its CPU offers neither VMX nor SVM)";
    return reason;
}

}  // namespace krun::runtime
