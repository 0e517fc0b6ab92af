// SPDX-License-Identifier: Apache-2.0
// What the guest is to do -> the bytes that it reads.
#pragma once
#include <string>

#include "base/json_writer.h"
#include "config-gen/exec_config.h"
#include "config-gen/krun_config.h"

namespace krun {

// /.krun_config.json, by the rows of krun_config.h, ended by a newline.
std::string write_krun_config(KrunConfig const& config,
                              JsonWriter::Style style = JsonWriter::Style::kCompact);

// The body of control::kExec.
std::string write_exec_config(ExecConfig const& config);

}  // namespace krun
