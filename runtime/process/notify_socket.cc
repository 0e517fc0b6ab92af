// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/notify_socket.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

#include "base/fd.h"
#include "base/fd_passing.h"
#include "base/strings.h"
#include "config-gen/control_protocol.h"
#include "oci/mount_options.h"

namespace krun::runtime {
namespace {

constexpr char const* kVariable = "NOTIFY_SOCKET";
// Where the payload finds ours.
constexpr char const* kGuestNotifySocket = "/run/notify/notify.sock";

Result<UniqueFd> connect_to(std::string const& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    bool const known = name.front() == '/' || name.front() == '@';
    if (!known || name.size() >= sizeof address.sun_path)
        return fail(Error(Errc::kInvalidConfig,
                          "NOTIFY_SOCKET " + quoted(name) + ": must be an absolute path or @NAME"));
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    auto const len_bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail(Error::sys("create a socket"));
    if (::connect(socket.borrow().raw(), reinterpret_cast<sockaddr const*>(&address), len_bytes) < 0)
        return fail(Error::sys("connect to NOTIFY_SOCKET " + quoted(name)));
    return socket;
}

// The path that the payload's environment gives, or nothing.
std::string payloads_socket(oci::Spec const& spec) {
    std::string const prefix = std::string(kVariable) + "=/";
    if (!spec.process) return {};
    for (auto const& entry : spec.process->env)
        if (entry.starts_with(prefix)) return entry.substr(prefix.size() - 1);
    return {};
}

// The last mount that `path` of the container is in or at, if any.
oci::Mount const* mount_of(oci::Spec const& spec, std::string const& path) {
    oci::Mount const* out = nullptr;
    for (auto const& mount : spec.mounts)
        if (mount.destination == path || path.starts_with(mount.destination + "/")) out = &mount;
    return out;
}

// A socket in a bind mount, by a name that leads nowhere else: what is below the mount may be the payload's
// to change. Invalid if there is none.
UniqueFd find_on_host(oci::Spec const& spec, std::string const& path) {
    auto const* const mount = mount_of(spec, path);
    if (mount == nullptr || !oci::is_bind(*mount)) return {};
    UniqueFd found(::open(mount->source.c_str(), O_PATH | O_CLOEXEC));
    if (found.valid() && path != mount->destination) {
        open_how how{};
        how.flags = O_PATH | O_CLOEXEC;
        how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
        std::string const below = path.substr(mount->destination.size() + 1);
        found = UniqueFd(
            static_cast<int>(::syscall(SYS_openat2, found.borrow().raw(), below.c_str(), &how, sizeof how)));
    }
    struct stat info {};
    if (!found.valid() || ::fstat(found.borrow().raw(), &info) < 0 || !S_ISSOCK(info.st_mode)) return {};
    return found;
}

}  // namespace

Result<NotifySocket> connect_notify_socket(oci::Spec const& spec) {
    char const* const ours = ::getenv(kVariable);
    if (ours != nullptr && *ours != '\0') {
        auto socket = TRY(connect_to(ours));
        return NotifySocket{std::move(socket), kGuestNotifySocket};
    }
    std::string const path = payloads_socket(spec);
    auto const on_host = find_on_host(spec, path);
    if (!on_host.valid()) return NotifySocket{};
    auto socket = connect_to("/proc/self/fd/" + std::to_string(on_host.borrow().raw()));
    if (!socket.ok()) return NotifySocket{};  // the payload finds out, as on a host
    return NotifySocket{std::move(socket).value(), path};
}

Result<UniqueFd> send_barrier(BorrowedFd socket) {
    auto [processed, open_until_then] = TRY(make_pipe());
    BorrowedFd const fds[] = {open_until_then.borrow()};
    std::string_view const text(control::kBarrier);
    ignore(send_message(socket, std::as_bytes(std::span(text)), fds, MSG_DONTWAIT), "it hangs up");
    return std::move(processed);
}

}  // namespace krun::runtime
