// SPDX-License-Identifier: Apache-2.0
// The file in the state directory that says, in one line, why a VM ended without its payload's status.
#pragma once
#include <cstddef>

namespace krun::runtime {

inline constexpr char const* kEndReasonName = "end_reason";
inline constexpr size_t kMaxEndReasonBytes = 1024;  // one line; it can quote the guest's last words
// Where `state` shows it.
inline constexpr char const* kEndReasonAnnotation = "krun-oci.end-reason";

}  // namespace krun::runtime
