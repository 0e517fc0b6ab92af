// SPDX-License-Identifier: Apache-2.0
#include "config-gen/seccomp.h"

#include <linux/seccomp.h>
#include <seccomp.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/base64.h"
#include "base/fd.h"

namespace krun {
namespace {

using Context = std::unique_ptr<void, decltype(&seccomp_release)>;
constexpr uint64_t kMaxProgramBytes = 4096 * sizeof(uint64_t);  // BPF_MAXINSNS instructions

struct Named {
    std::string_view name;
    uint32_t value;
};
constexpr Named kArchitectures[] = {
    {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
    {"SCMP_ARCH_X86", SCMP_ARCH_X86},
    {"SCMP_ARCH_X32", SCMP_ARCH_X32},
};
constexpr Named kOperators[] = {
    {"SCMP_CMP_NE", SCMP_CMP_NE},
    {"SCMP_CMP_LT", SCMP_CMP_LT},
    {"SCMP_CMP_LE", SCMP_CMP_LE},
    {"SCMP_CMP_EQ", SCMP_CMP_EQ},
    {"SCMP_CMP_GE", SCMP_CMP_GE},
    {"SCMP_CMP_GT", SCMP_CMP_GT},
    {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};
// WAIT_KILLABLE_RECV has no meaning without a listener.
constexpr Named kFlags[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 0},
};
constexpr Named kPlainActions[] = {
    {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
    {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
    {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
    {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
    {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
    {"SCMP_ACT_LOG", SCMP_ACT_LOG},
};

std::optional<uint32_t> value_of(std::span<Named const> table, std::string_view name) {
    for (auto const& row : table)
        if (row.name == name) return row.value;
    return std::nullopt;
}

Error bad(std::string const& where, std::string const& value) {
    return Error(Errc::kInvalidConfig, where + ": unknown value \"" + value + "\"");
}

Error failed(std::string const& what, int negative_errno) {
    return Error(Errc::kSystem, what, -negative_errno);
}

// errnoRet is the errno of SCMP_ACT_ERRNO and the message of SCMP_ACT_TRACE; both default to EPERM.
Result<uint32_t> action_of(std::string const& where, std::string const& name,
                           std::optional<uint32_t> errno_ret) {
    uint32_t const data = errno_ret.value_or(EPERM);
    if (data > 0xffff) return fail(Error(Errc::kInvalidConfig, where + ": errnoRet does not fit in 16 bits"));
    if (name == "SCMP_ACT_ERRNO") return static_cast<uint32_t>(SCMP_ACT_ERRNO(data));
    if (name == "SCMP_ACT_TRACE") return static_cast<uint32_t>(SCMP_ACT_TRACE(data));
    if (name == "SCMP_ACT_NOTIFY")
        return fail(Error(Errc::kUnsupported, where + ": SCMP_ACT_NOTIFY is not supported"));
    auto const action = value_of(kPlainActions, name);
    if (!action) return fail(bad(where, name));
    return *action;
}

// libseccomp starts with the native architecture; others are added if the user lists them. One that this
// processor does not have is no error: profiles list them all.
Result<void> add_architectures(Context const& context, std::vector<std::string> const& names) {
    for (auto const& name : names) {
        auto const arch = value_of(kArchitectures, name);
        if (!arch) continue;
        int const rc = seccomp_arch_add(context.get(), *arch);
        if (rc < 0 && rc != -EEXIST) return fail(failed("architectures: add " + name, rc));
    }
    return {};
}

Result<std::vector<scmp_arg_cmp>> comparisons_of(std::string const& where,
                                                 std::vector<oci::SeccompArg> const& args) {
    std::vector<scmp_arg_cmp> out;
    for (size_t i = 0; i < args.size(); ++i) {
        std::string const at = where + ".args[" + std::to_string(i) + "]";
        auto const op = value_of(kOperators, args[i].op);
        if (!op) return fail(bad(at + ".op", args[i].op));
        if (args[i].index > 5)
            return fail(Error(Errc::kInvalidConfig, at + ".index: a system call has at most 6 arguments"));
        // For MASKED_EQ `value` is the mask and `valueTwo` what it must give (seccomp_rule_add(3)).
        out.push_back({args[i].index, static_cast<scmp_compare>(*op), args[i].value, args[i].value_two});
    }
    return out;
}

bool repeats_an_index(std::vector<scmp_arg_cmp> const& all) {
    for (size_t i = 0; i < all.size(); ++i)
        for (size_t k = i + 1; k < all.size(); ++k)
            if (all[i].arg == all[k].arg) return true;
    return false;
}

int add_one(Context const& context, uint32_t action, int number, std::span<scmp_arg_cmp const> comparisons) {
    return seccomp_rule_add_array(context.get(), action, number, static_cast<unsigned>(comparisons.size()),
                                  comparisons.data());
}

// All comparisons must hold; two on one argument are alternatives, which is what runc makes of them because
// libseccomp takes only one each.
int add_syscall(Context const& context, uint32_t action, int number,
                std::vector<scmp_arg_cmp> const& comparisons) {
    if (!repeats_an_index(comparisons)) return add_one(context, action, number, comparisons);
    for (auto const& comparison : comparisons)
        if (int const rc = add_one(context, action, number, {&comparison, 1}); rc < 0) return rc;
    return 0;
}

Result<void> add_rule(Context const& context, std::string const& where, oci::SeccompRule const& rule,
                      uint32_t default_action) {
    auto const action = TRY(action_of(where + ".action", rule.action, rule.errno_ret));
    auto const comparisons = TRY(comparisons_of(where, rule.args));
    if (action == default_action) return {};  // libseccomp refuses what changes nothing
    for (auto const& name : rule.names) {
        int const number = seccomp_syscall_resolve_name(name.c_str());
        if (number == __NR_SCMP_ERROR) continue;
        int const rc = add_syscall(context, action, number, comparisons);
        if (rc < 0 && rc != -EEXIST)
            return fail(failed(std::string(where).append(": add ").append(name), rc));
    }
    return {};
}

Result<uint32_t> flags_of(std::vector<std::string> const& names) {
    uint32_t flags = 0;
    for (auto const& name : names) {
        auto const flag = value_of(kFlags, name);
        if (!flag) return fail(bad("flags", name));
        flags |= *flag;
    }
    return flags;
}

Result<std::string> export_program(Context const& context) {
    auto const file = TRY(make_memfd("seccomp", 0));
    if (int const rc = seccomp_export_bpf(context.get(), file.borrow().raw()); rc < 0)
        return fail(failed("compile the filter", rc));
    if (::lseek(file.borrow().raw(), 0, SEEK_SET) < 0) return fail(Error::sys("rewind the filter"));
    auto const bytes = TRY_WITH(read_file(file.borrow(), kMaxProgramBytes), "the filter is too long");
    return encode_base64(std::as_bytes(std::span(bytes)));
}

}  // namespace

Result<SeccompProgram> compile_seccomp(oci::Seccomp const& seccomp) {
    auto const default_action =
        TRY(action_of("defaultAction", seccomp.default_action, seccomp.default_errno_ret));
    Context const context(seccomp_init(default_action), &seccomp_release);
    if (context == nullptr) return fail(Error(Errc::kSystem, "start a filter", ENOMEM));
    // A binary tree instead of a list: a container profile has some 350 system calls.
    ignore(seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "only slower without");
    TRY(add_architectures(context, seccomp.architectures));
    for (size_t i = 0; i < seccomp.syscalls.size(); ++i)
        TRY(add_rule(context, "syscalls[" + std::to_string(i) + "]", seccomp.syscalls[i], default_action));
    auto program = TRY(export_program(context));
    auto const flags = TRY(flags_of(seccomp.flags));
    return SeccompProgram{std::move(program), flags};
}

}  // namespace krun
