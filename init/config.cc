// SPDX-License-Identifier: Apache-2.0
#include "init/config.h"

#include <set>

#include "base/fd.h"
#include "base/json.h"
#include "config-gen/control_protocol.h"

namespace krun::init {
namespace {

Error bad(std::string text) {
    return Error(Errc::kInvalidConfig, std::move(text));
}

Result<void> check_absolute(std::string const& where, std::string const& path) {
    if (!path.starts_with('/')) return fail(bad(where + ": must be an absolute path, is \"" + path + "\""));
    return {};
}

Result<void> check_stream(std::string const& where, guest::PassedFd const& one) {
    if (one.access != "r" && one.access != "w" && one.access != "rw")
        return fail(bad(where + ": access must be r, w, rw or listen, is \"" + one.access + "\""));
    return {};
}

Result<void> check_listening(std::string const& where, guest::PassedFd const& one) {
    if (one.family != "unix" && one.family != "inet" && one.family != "inet6")
        return fail(bad(where + ": family must be unix, inet or inet6, is \"" + one.family + "\""));
    if (one.port > UINT16_MAX) return fail(bad(where + ": there is no port " + std::to_string(one.port)));
    return {};
}

Result<void> check_passed(std::vector<guest::PassedFd> const& passed) {
    std::set<uint32_t> seen;
    for (auto const& one : passed) {
        std::string const where = "process.passedFds: " + std::to_string(one.fd);
        if (one.fd <= 2 || one.fd >= control::kMaxStreams) return fail(bad(where + " is no stream's number"));
        if (!seen.insert(one.fd).second) return fail(bad(where + " is there twice"));
        TRY(one.access == "listen" ? check_listening(where, one) : check_stream(where, one));
    }
    return {};
}

Result<void> check_process(guest::Process const& process) {
    if (process.args.empty()) return fail(bad("process.args: must not be empty"));
    TRY(check_absolute("process.cwd", process.cwd));
    return check_passed(process.passed_fds);
}

Result<void> check(KrunConfig const& config) {
    if (config.krun.version != kKrunConfigVersion)
        return fail(bad("krun.version: this init knows " + std::to_string(kKrunConfigVersion) + ", is " +
                        std::to_string(config.krun.version)));
    TRY(check_process(config.process));
    TRY(check_absolute("krun.root", config.krun.root));
    if (!config.krun.notify_socket.empty())
        TRY(check_absolute("krun.notifySocket", config.krun.notify_socket));
    for (auto const& hook : config.krun.start_container_hooks)
        TRY(check_absolute("krun.startContainerHooks[].path", hook.path));
    for (auto const& mount : config.mounts) TRY(check_absolute("mounts[].destination", mount.destination));
    for (auto const& device : config.krun.devices) TRY(check_absolute("krun.devices[].path", device.path));
    return {};
}

}  // namespace

Result<KrunConfig> parse_config(std::string_view text) {
    auto const json = TRY(Json::parse(text, kMaxKrunConfigBytes));
    auto config = TRY(read_object<KrunConfig>(JsonAt(json)));
    TRY(check(config));
    return config;
}

Result<KrunConfig> read_config(std::string const& path) {
    auto const text = TRY_WITH(read_file(path, kMaxKrunConfigBytes), path);
    return TRY_WITH(parse_config(text), path);
}

Result<ExecConfig> parse_exec_config(std::string_view text) {
    auto const json = TRY(Json::parse(text, control::kMaxHostBodyBytes));
    auto config = TRY(read_object<ExecConfig>(JsonAt(json)));
    TRY(check_process(config.process));
    return config;
}

}  // namespace krun::init
