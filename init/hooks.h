// SPDX-License-Identifier: Apache-2.0
// Hooks that run in the container (runtime-spec config.md#posix-platform-hooks).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config-gen/krun_config.h"

namespace krun::init {

// Runs each as a child of this process and waits for it. One without an environment has `payload_env`;
// `state` is its standard input. One that cannot be run, fails or takes longer than it may, and is then
// killed, is an error that begins with "`kind` hook #N: ".
Result<void> run_hooks(std::string_view kind, std::vector<guest::Hook> const& hooks,
                       std::vector<std::string> const& payload_env, std::string const& state);

}  // namespace krun::init
