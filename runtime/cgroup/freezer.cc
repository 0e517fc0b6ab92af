// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/freezer.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <string_view>

#include "base/fd.h"
#include "runtime/host/process_identity.h"

namespace krun::runtime {
namespace {

constexpr size_t kMaxControlBytes = 4096;
constexpr int kLookAgainMs = 20;

// cgroup v2 calls none frozen that has a thread of the kernel's in it. They can be in the root, and only root
// can put them there.
Result<void> move_out_kernel_threads(Cgroup const& cgroup) {
    constexpr char const* kWhat =
        "move KVM's own thread, which until Linux 6.13 keeps the cgroup from being frozen";
    char const* const where = cgroup.version().freezer.kernel_threads;
    if (where == nullptr) return {};
    for (pid_t const pid : cgroup.members()) {
        if (!is_kernel_thread(pid)) continue;
        auto const list = TRY_WITH(open_path(where, O_WRONLY | O_NOFOLLOW), kWhat);
        TRY_WITH(write_full(list.borrow(), std::to_string(pid)), kWhat);
    }
    return {};
}

// v2 tells of a change by POLLPRI; v1 looks how far it is when it is asked.
Result<bool> wait_until_frozen(Cgroup const& cgroup) {
    auto const& freezer = cgroup.version().freezer;
    auto const path = TRY(cgroup.path_of(freezer.state));
    auto const state = TRY(open_path(path, O_RDONLY | O_NOFOLLOW));
    auto const give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < give_up) {
        char text[kMaxControlBytes];
        ssize_t const n = ::pread(state.borrow().raw(), text, sizeof text, 0);
        if (n < 0) return fail(Error::sys("read " + std::string(freezer.state)));
        if (std::string_view(text, static_cast<size_t>(n)).find(freezer.frozen) != std::string_view::npos)
            return true;
        pollfd changed{state.borrow().raw(), POLLPRI, 0};
        ::poll(&changed, 1, kLookAgainMs);
    }
    return false;
}

}  // namespace

Result<void> freeze(Cgroup const& cgroup) {
    auto const& freezer = cgroup.version().freezer;
    TRY_WITH(move_out_kernel_threads(cgroup), "pause");  // first: it is not counted anew when one leaves
    TRY_WITH(cgroup.write(freezer.file, freezer.freeze), "pause");
    auto const frozen = wait_until_frozen(cgroup);
    if (frozen.ok() && frozen.value()) return {};
    ignore(thaw(cgroup), "the error that led here says more");
    if (!frozen.ok()) return fail(Error(Errc::kSystem, frozen.error().message()));
    return fail(Error(Errc::kSystem, "the container's processes could not be paused"));
}

Result<void> thaw(Cgroup const& cgroup) {
    auto const& freezer = cgroup.version().freezer;
    return cgroup.write(freezer.file, freezer.thaw);
}

bool is_frozen(Cgroup const& cgroup) {
    auto const text = cgroup.read(cgroup.version().freezer.wanted);
    return text.ok() && text.value().starts_with('1');
}

}  // namespace krun::runtime
