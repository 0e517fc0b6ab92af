// SPDX-License-Identifier: Apache-2.0
// /dev/kvm as a container runtime meets it: absent, forbidden, or a software KVM.
#pragma once
#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

// Opened read-write. The error says what to do; its words avoid those that engines read as a fault of the
// container's own command.
Result<UniqueFd> open_kvm();

// Whether this CPU has VMX or SVM. Without either, /dev/kvm is a software KVM, and a guest kernel runs orders
// of magnitude slower.
bool cpu_has_virtualization();

}  // namespace krun::runtime
