// SPDX-License-Identifier: Apache-2.0
// Rules of runtime-spec config-linux.md#seccomp. Names of system calls are not checked: a profile lists those
// of newer kernels too, and one the guest does not have cannot be called.
#include "oci/names.h"
#include "oci/validate.h"
#include "oci/verdict.h"

namespace krun::oci {
namespace {

constexpr uint32_t kMaxArgIndex = 5;  // a system call has six arguments
constexpr uint32_t kMaxErrno = 4095;  // the kernel's MAX_ERRNO

Result<void> check_action(std::string const& action, std::string const& path) {
    if (is_one_of(action, kSeccompActions)) return {};
    if (action == "SCMP_ACT_NOTIFY")
        return fail(
            Error(Errc::kUnsupported, path + ": \"SCMP_ACT_NOTIFY\" is not supported: the filter runs in "
                                             "the guest's kernel, out of reach for a listener"));
    return fail(invalid(path, "unknown action", action));
}

bool takes_errno(std::string_view action) {
    return action == "SCMP_ACT_ERRNO" || action == "SCMP_ACT_TRACE";
}

Result<void> check_errno(std::optional<uint32_t> errno_ret, std::string const& action,
                         std::string const& path) {
    if (!errno_ret) return {};
    if (*errno_ret > kMaxErrno) return fail(invalid(path, "must be at most 4095", *errno_ret));
    if (!takes_errno(action)) return fail(invalid(path, "must not be set for action " + quoted(action)));
    return {};
}

Result<void> check_rule(SeccompRule const& rule, size_t index) {
    std::string const at = item("linux.seccomp.syscalls", index);
    if (rule.names.empty()) return fail(invalid(at + ".names", "must have at least one element"));
    TRY(check_action(rule.action, at + ".action"));
    TRY(check_errno(rule.errno_ret, rule.action, at + ".errnoRet"));
    for (size_t i = 0; i < rule.args.size(); ++i) {
        if (rule.args[i].index > kMaxArgIndex)
            return fail(invalid(item(at + ".args", i) + ".index", "must be from 0 to 5", rule.args[i].index));
        if (!is_one_of(rule.args[i].op, kSeccompOperators))
            return fail(invalid(item(at + ".args", i) + ".op", "unknown operator", rule.args[i].op));
    }
    return {};
}

}  // namespace

Result<void> validate_seccomp(Linux const& linux) {
    if (!linux.seccomp) return {};
    Seccomp const& seccomp = *linux.seccomp;
    TRY(check_action(seccomp.default_action, "linux.seccomp.defaultAction"));
    TRY(check_errno(seccomp.default_errno_ret, seccomp.default_action, "linux.seccomp.defaultErrnoRet"));
    for (size_t i = 0; i < seccomp.architectures.size(); ++i)
        if (!is_one_of(seccomp.architectures[i], kSeccompArchs))
            return fail(invalid(item("linux.seccomp.architectures", i), "unknown architecture",
                                seccomp.architectures[i]));
    for (size_t i = 0; i < seccomp.flags.size(); ++i)
        if (!is_one_of(seccomp.flags[i], kSeccompFlags))
            return fail(invalid(item("linux.seccomp.flags", i), "unknown flag", seccomp.flags[i]));
    for (size_t i = 0; i < seccomp.syscalls.size(); ++i) TRY(check_rule(seccomp.syscalls[i], i));
    return {};
}

}  // namespace krun::oci
