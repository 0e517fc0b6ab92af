// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/globals.h"

#include "base/strings.h"

namespace krun::runtime {
namespace {

constexpr Flag kGlobalFlags[] = {
    {"root", 0, "DIR", "directory of the containers' states"},
    {"log", 0, "FILE", "also write errors to this file"},
    {"log-format", 0, "text|json", "how the log is written"},
    {"log-level", 0, "LEVEL", "error, warning, info or debug"},
    {"debug", 0, nullptr, "say where in the program an error arose"},
    {"systemd-cgroup", 0, nullptr, "same as --cgroup-manager systemd"},
    {"cgroup-manager", 0, "MANAGER", "cgroupfs, systemd or disabled"},
    {"rootless", 0, "auto|true|false", "accepted: found out by itself"},
    {"criu", 0, "PATH", nullptr},
    {"version", 'v', nullptr, "print the version"},
    {"help", 'h', nullptr, "show this help"},
    {"V", 'V', nullptr, nullptr},  // -v as crun also spells it
};

Error bad_value(char const* flag, std::string const& value, char const* expected,
                Where where = Where::current()) {
    return Error(Errc::kInvalidConfig, std::string(flag) + " " + quoted(value) + ": must be " + expected, 0,
                 where);
}

Result<CgroupManager> read_cgroup_manager(Options const& options) {
    std::string const name = options.value("cgroup-manager");
    if (name == "systemd" || (name.empty() && options.on("systemd-cgroup"))) return CgroupManager::kSystemd;
    if (name.empty() || name == "cgroupfs") return CgroupManager::kCgroupfs;
    if (name == "disabled") return CgroupManager::kDisabled;
    return fail(bad_value("--cgroup-manager", name, "cgroupfs, systemd or disabled"));
}

Result<LogLevel> read_log_level(Options const& options) {
    if (options.on("debug")) return LogLevel::kDebug;
    std::string const name = options.value("log-level");
    if (name.empty()) return LogLevel::kError;
    auto const level = parse_log_level(name);
    if (!level) return fail(bad_value("--log-level", name, "error, warning, info or debug"));
    return *level;
}

std::string default_root(char const* runtime_dir) {
    bool const set = runtime_dir != nullptr && *runtime_dir != '\0';
    return (set ? std::string(runtime_dir) : std::string("/run")) + "/krun-oci";
}

// `file:PATH` is crun's way to write PATH.
Result<std::string> read_log_path(std::string const& log) {
    for (char const* other : {"journald:", "syslog:"})
        if (log.starts_with(other))
            return fail(Error(Errc::kUnsupported, "--log " + log + ": only files are supported"));
    return log.starts_with("file:") ? log.substr(5) : log;
}

}  // namespace

std::span<Flag const> global_flags() {
    return kGlobalFlags;
}

Result<Globals> read_globals(Options const& options, char const* runtime_dir) {
    Globals globals;
    globals.root = options.given("root") ? options.value("root") : default_root(runtime_dir);
    if (globals.root.empty() || globals.root.find_first_not_of('/') == std::string::npos)
        return fail(bad_value("--root", globals.root, "a directory other than /"));
    globals.log = TRY(read_log_path(options.value("log")));

    std::string const format = options.value("log-format");
    if (format != "" && format != "text" && format != "json")
        return fail(bad_value("--log-format", format, "text or json"));
    globals.log_format = format == "json" ? LogFormat::kJson : LogFormat::kText;
    globals.log_level = TRY(read_log_level(options));
    globals.cgroup_manager = TRY(read_cgroup_manager(options));
    return globals;
}

}  // namespace krun::runtime
