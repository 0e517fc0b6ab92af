// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/oom_score.h"

#include <fcntl.h>

#include <cerrno>
#include <string>

#include "base/fd.h"

namespace krun::runtime {

Result<void> set_oom_score_adj(int32_t value) {
    auto const file = TRY_WITH(open_path("/proc/self/oom_score_adj", O_WRONLY), "process.oomScoreAdj");
    auto written = write_full(file.borrow(), std::to_string(value));
    if (!written.ok() && written.error().sys_errno() == EACCES)
        return fail(
            Error(Errc::kUnsupported, "process.oomScoreAdj: " + std::to_string(value) +
                                          " is less than the caller's, which needs CAP_SYS_RESOURCE"));
    TRY_WITH(std::move(written), "process.oomScoreAdj");
    return {};
}

}  // namespace krun::runtime
