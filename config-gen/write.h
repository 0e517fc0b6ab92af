// SPDX-License-Identifier: Apache-2.0
// KrunConfig -> the bytes of /.krun_config.json.
#pragma once
#include <string>

#include "base/json_writer.h"
#include "config-gen/krun_config.h"

namespace krun {

// By the rows of krun_config.h, ended by a newline.
std::string write_krun_config(KrunConfig const& config,
                              JsonWriter::Style style = JsonWriter::Style::kCompact);

}  // namespace krun
