// SPDX-License-Identifier: Apache-2.0
#include "init/config.h"

#include "base/fd.h"
#include "base/json.h"

namespace krun::init {
namespace {

Error bad(std::string text) {
    return Error(Errc::kInvalidConfig, std::move(text));
}

Result<void> check_absolute(std::string const& where, std::string const& path) {
    if (!path.starts_with('/')) return fail(bad(where + ": must be an absolute path, is \"" + path + "\""));
    return {};
}

Result<void> check(KrunConfig const& config) {
    if (config.krun.version != kKrunConfigVersion)
        return fail(bad("krun.version: this init knows " + std::to_string(kKrunConfigVersion) + ", is " +
                        std::to_string(config.krun.version)));
    if (config.process.args.empty()) return fail(bad("process.args: must not be empty"));
    TRY(check_absolute("process.cwd", config.process.cwd));
    TRY(check_absolute("krun.root", config.krun.root));
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

}  // namespace krun::init
