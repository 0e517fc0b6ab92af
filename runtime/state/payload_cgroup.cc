// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/payload_cgroup.h"

#include "runtime/control/control.h"

namespace krun::runtime {

Result<std::string> read_payload_cgroup(BorrowedFd state_dir, std::string const& file) {
    return TRY_WITH(control_query(state_dir, {.op = ControlOp::kCgroup, .text = file}), "read " + file);
}

Result<void> write_payload_cgroup(BorrowedFd state_dir, std::string const& file, std::string const& value) {
    TRY_WITH(control_query(state_dir, {.op = ControlOp::kCgroup, .text = file + "\n" + value}),
             "set " + file + " to " + value);
    return {};
}

}  // namespace krun::runtime
