// SPDX-License-Identifier: Apache-2.0
#include "runtime/freezer.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>

#include "base/fd.h"

namespace krun::runtime {
namespace {

constexpr size_t kMaxControlBytes = 4096;

Result<UniqueFd> open_control(std::string const& cgroup, char const* file, int flags) {
    if (cgroup.empty())
        return fail(
            Error(Errc::kUnsupported, "this container has no cgroup v2 of its own to be paused with"));
    return TRY_WITH(open_path(cgroup + "/" + file, flags | O_NOFOLLOW), "pause");
}

Result<void> write_freeze(std::string const& cgroup, char const* value) {
    auto const file = TRY(open_control(cgroup, "cgroup.freeze", O_WRONLY));
    return write_full(file.borrow(), std::string_view(value));
}

// cgroup.events tells of a change by POLLPRI.
Result<bool> wait_until_frozen(std::string const& cgroup) {
    auto const events = TRY(open_control(cgroup, "cgroup.events", O_RDONLY));
    auto const give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < give_up) {
        char text[kMaxControlBytes];
        ssize_t const n = ::pread(events.borrow().raw(), text, sizeof text, 0);
        if (n < 0) return fail(Error::sys("read cgroup.events"));
        if (std::string_view(text, static_cast<size_t>(n)).find("frozen 1") != std::string_view::npos)
            return true;
        pollfd changed{events.borrow().raw(), POLLPRI, 0};
        ::poll(&changed, 1, 100);
    }
    return false;
}

}  // namespace

Result<void> freeze(std::string const& cgroup) {
    TRY(write_freeze(cgroup, "1"));
    auto const frozen = wait_until_frozen(cgroup);
    if (frozen.ok() && frozen.value()) return {};
    ignore(write_freeze(cgroup, "0"), "the error that led here says more");
    if (!frozen.ok()) return fail(Error(Errc::kSystem, frozen.error().message()));
    return fail(Error(Errc::kSystem, "the container's processes could not be paused"));
}

Result<void> thaw(std::string const& cgroup) {
    return write_freeze(cgroup, "0");
}

bool is_frozen(std::string const& cgroup) {
    if (cgroup.empty()) return false;
    auto const text = read_file(cgroup + "/cgroup.freeze", kMaxControlBytes);
    return text.ok() && text.value().starts_with('1');
}

}  // namespace krun::runtime
