// SPDX-License-Identifier: Apache-2.0
// How fast this KVM runs a guest's kernel.
#pragma once
#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::vmm {

// Instructions a second, by a machine of one page and a short loop in real mode. A KVM in hardware does
// hundreds of millions; one that emulates the processor, less than a million, and then this takes a second.
// Takes an open /dev/kvm.
Result<double> measure_guest_speed(UniqueFd dev_kvm);

}  // namespace krun::vmm
