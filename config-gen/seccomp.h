// SPDX-License-Identifier: Apache-2.0
// linux.seccomp (runtime-spec config-linux.md#seccomp) compiled with libseccomp on the host, so that the
// guest gets plain BPF and init needs no compiler.
#pragma once
#include <cstdint>
#include <string>

#include "base/error.h"
#include "oci/spec.h"

namespace krun {

struct SeccompProgram {
    std::string bpf_base64;  // struct sock_filter[], linux/filter.h
    uint32_t flags = 0;      // SECCOMP_FILTER_FLAG_* for seccomp(2)
};

// System calls that libseccomp does not know are left out, as runc does. SCMP_ACT_NOTIFY needs a listener in
// the guest: kUnsupported. Errors name the member ("syscalls[3].args[0].op").
Result<SeccompProgram> compile_seccomp(oci::Seccomp const& seccomp);

}  // namespace krun
