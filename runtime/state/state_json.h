// SPDX-License-Identifier: Apache-2.0
// A container's state as tools read it: what `state` prints, an element of `list --format json`, and what
// hooks get on their standard input (runtime-spec runtime.md#state; the members beyond it are runc's).
#pragma once
#include <string>

#include "base/json_writer.h"
#include "runtime/state/lifecycle.h"
#include "runtime/state/record.h"

namespace krun::runtime {

// `pid` is 0 for a stopped container: CRI-O takes any other number for a living process.
void write_state(JsonWriter& writer, Record const& record, State state);
// The same as a text of one line.
std::string state_json(Record const& record, State state);

}  // namespace krun::runtime
