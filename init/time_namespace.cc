// SPDX-License-Identifier: Apache-2.0
#include "init/time_namespace.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>

#include "base/fd.h"

namespace krun::init {

Result<void> create_time_namespace(std::map<std::string, guest::TimeOffset> const& offsets) {
    if (::unshare(CLONE_NEWTIME) < 0) return fail(Error::sys("create a time namespace"));
    std::string text;
    for (auto const& [clock, offset] : offsets)
        text +=
            clock + " " + std::to_string(offset.seconds) + " " + std::to_string(offset.nanoseconds) + "\n";
    if (text.empty()) return {};
    // The file is that of the namespace just made, not of the one this process is still in.
    auto const file = TRY(open_path("/proc/self/timens_offsets", O_WRONLY));
    TRY_WITH(write_full(file.borrow(), text), "timeOffsets");
    return {};
}

}  // namespace krun::init
