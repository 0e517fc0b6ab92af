// SPDX-License-Identifier: Apache-2.0
// What the host tells init about one more process in a running container: the body of control::kExec. Written
// and read by the rows below, as /.krun_config.json is by those of krun_config.h.
#pragma once
#include <cstdint>
#include <string>

#include "base/field.h"
#include "config-gen/krun_config.h"

namespace krun {

struct ExecConfig {
    guest::Process process;
    // Below the payload's cgroup, without a leading '/'; must exist. Empty: the payload's own.
    std::string cgroup;
    std::string seccomp;  // as guest::Krun::seccomp
    uint32_t seccomp_flags = 0;
    uint32_t personality = 0;
};

template <>
struct FieldsOf<ExecConfig> {
    static constexpr Field<ExecConfig> rows[] = {
        field<&ExecConfig::process>("process", Effect::kGuest, kRequired),
        field<&ExecConfig::cgroup>("cgroup"),
        field<&ExecConfig::seccomp>("seccomp"),
        field<&ExecConfig::seccomp_flags>("seccompFlags"),
        field<&ExecConfig::personality>("personality"),
    };
};

}  // namespace krun
