// SPDX-License-Identifier: Apache-2.0
// From a bundle directory to a checked Spec (runtime-spec bundle.md).
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"
#include "oci/spec.h"

namespace krun::oci {

// Largest config.json that is read. Real ones have some 10 KiB; with every seccomp rule and a thousand mounts
// it is still below 1 MiB.
inline constexpr size_t kMaxConfigBytes = size_t{16} * 1024 * 1024;

// A whole config.json, or the process object that `exec --process` takes, or the limits that `update` takes.
// Errors are kInvalidConfig or kUnsupported and name the JSON path.
Result<Spec> parse_spec(std::string_view text);
Result<Process> parse_process(std::string_view text);
Result<Resources> parse_resources(std::string_view text);

// The text of config.json below the open directory `bundle`. It has to be a regular file. Blocks on that file
// system.
Result<std::string> read_config(BorrowedFd bundle);
// The same, parsed and checked. Errors begin with the file's name.
Result<Spec> parse_config(std::string_view text);
Result<Spec> load_bundle(BorrowedFd bundle);

}  // namespace krun::oci
