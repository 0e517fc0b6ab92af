// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/exec_flags.h"

#include <algorithm>

#include "base/fd.h"
#include "base/log.h"
#include "base/strings.h"
#include "config-gen/from_oci.h"
#include "oci/load.h"
#include "oci/validate.h"
#include "runtime/cli/spec_warnings.h"
#include "runtime/host/environment.h"

namespace krun::runtime {
namespace {

Error bad_value(char const* flag, std::string const& value, char const* expected,
                Where where = Where::current()) {
    return Error(Errc::kInvalidConfig,
                 std::string("--") + flag + " " + quoted(value) + ": must be " + expected, 0, where);
}

// An id, unless it is a name.
std::optional<uint32_t> parse_id(std::string_view text) {
    auto const id = parse_uint64(text);
    if (!id || *id > UINT32_MAX - 1) return std::nullopt;
    return static_cast<uint32_t>(*id);
}

// Names are looked up in the guest, in the container's own files.
Result<void> set_user(std::string const& text, guest::User& user) {
    auto const colon = text.find(':');
    std::string const name = text.substr(0, colon);
    if (name.empty()) return fail(bad_value("user", text, "USER or USER:GROUP"));
    if (auto const uid = parse_id(name))
        user.uid = *uid;
    else
        user.name = name;
    if (colon == text.npos) return {};
    std::string const group = text.substr(colon + 1);
    if (group.empty()) return fail(bad_value("user", text, "USER or USER:GROUP"));
    // Beside a name it stays text: the guest would take the group of the name's line for an absent one.
    if (auto const gid = parse_id(group); gid && user.name.empty())
        user.gid = *gid;
    else
        user.group_name = group;
    return {};
}

Result<void> add_groups(Options const& options, oci::User& user) {
    for (auto const& text : options.values("additional-gids")) {
        auto const gid = parse_id(text);
        if (!gid) return fail(bad_value("additional-gids", text, "a group id"));
        user.additional_gids.push_back(*gid);
    }
    return {};
}

void add_once(std::vector<std::string>& names, std::string const& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

void add_capabilities(Options const& options, oci::Process& process) {
    for (auto const& name : options.values("cap")) {
        if (!process.capabilities) process.capabilities.emplace();
        add_once(process.capabilities->bounding, name);
        add_once(process.capabilities->permitted, name);
        add_once(process.capabilities->effective, name);
    }
}

Result<oci::Process> process_from_flags(Options const& options, oci::Spec const& spec) {
    if (!spec.process) return fail(Error(Errc::kBadState, "the container was created without a process"));
    oci::Process process = *spec.process;
    auto const& words = options.positionals();
    if (words.size() < 2) return fail(Error(Errc::kInvalidConfig, "exec needs a command, or --process"));
    process.args.assign(words.begin() + 1, words.end());
    process.terminal = options.on("tty");
    if (!process.terminal) process.console_size.reset();
    if (options.given("cwd")) process.cwd = options.value("cwd");
    for (auto const& entry : options.values("env")) set_variable(process.env, entry);
    if (options.on("no-new-privs")) process.no_new_privileges = true;
    TRY(add_groups(options, process.user));
    add_capabilities(options, process);
    TRY_WITH(oci::validate_process(process, "process"), "exec");
    return process;
}

Result<oci::Process> process_from_file(Options const& options) {
    std::string const path = options.value("process");
    if (options.positionals().size() > 1)
        return fail(Error(Errc::kInvalidConfig, "--process and a command exclude each other"));
    auto const text = TRY_WITH(read_file(path, oci::kMaxConfigBytes), "--process");
    auto process = TRY_WITH(oci::parse_process(text), path);
    if (options.given("tty")) process.terminal = options.on("tty");
    // Those of the container's own process are told at create.
    for (auto const& line : process_warnings(process)) log(LogLevel::kWarning, line);
    return process;
}

// runc's "controller:path" too: in cgroup v2 there is one hierarchy.
Result<std::string> cgroup_below(std::string const& text) {
    std::string path = text.substr(text.find(':') == text.npos ? 0 : text.find(':') + 1);
    for (auto const part : split(path, '/'))
        if (part == "..") return fail(bad_value("cgroup", text, "a path below the container's cgroup"));
    path.erase(0, std::min(path.find_first_not_of('/'), path.size()));
    return path;
}

}  // namespace

Result<ExecConfig> exec_config(Options const& options, oci::Spec const& spec) {
    auto const process =
        TRY(options.given("process") ? process_from_file(options) : process_from_flags(options, spec));
    auto config = TRY(exec_from_oci(spec, process));
    // An empty one is what a script has whose variable is unset: it is not "as the container".
    if (options.given("user")) TRY(set_user(options.value("user"), config.process.user));
    config.cgroup = TRY(cgroup_below(options.value("cgroup")));
    return config;
}

}  // namespace krun::runtime
