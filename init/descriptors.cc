// SPDX-License-Identifier: Apache-2.0
#include "init/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <optional>

#include "config-gen/control_protocol.h"

namespace krun::init {
namespace {

// Far above what the pids of a guest allow, below the default of fs.nr_open.
constexpr rlim_t kManyDescriptors = 1U << 19;

std::optional<rlimit> g_original_limit;

}  // namespace

Result<void> allow_many_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return fail(Error::sys("read the limit on descriptors"));
    rlimit const raised{kManyDescriptors, std::max(limit.rlim_max, kManyDescriptors)};
    if (::setrlimit(RLIMIT_NOFILE, &raised) < 0) return fail(Error::sys("raise the limit on descriptors"));
    g_original_limit = limit;
    return {};
}

void restore_descriptor_limit() {
    if (g_original_limit) ::setrlimit(RLIMIT_NOFILE, &*g_original_limit);
}

Result<UniqueFd> move_above_streams(UniqueFd fd) {
    UniqueFd moved(::fcntl(fd.borrow().raw(), F_DUPFD_CLOEXEC, int{control::kMaxStreams}));
    if (!moved.valid()) return fail(Error::sys("move a descriptor"));
    return moved;
}

void close_all_but(std::vector<int> kept) {
    std::sort(kept.begin(), kept.end());
    unsigned from = STDERR_FILENO + 1;
    for (int const fd : kept) {
        auto const number = static_cast<unsigned>(fd);
        if (number > from) ::close_range(from, number - 1, 0);
        from = std::max(from, number + 1);
    }
    ::close_range(from, UINT_MAX, 0);
}

}  // namespace krun::init
