// SPDX-License-Identifier: Apache-2.0
#include "config-gen/write.h"

namespace krun {

std::string write_krun_config(KrunConfig const& config, JsonWriter::Style style) {
    JsonWriter writer(style);
    write_value(writer, config);
    return std::move(writer).take() + "\n";
}

std::string write_exec_config(ExecConfig const& config) {
    JsonWriter writer;
    write_value(writer, config);
    return std::move(writer).take();
}

}  // namespace krun
