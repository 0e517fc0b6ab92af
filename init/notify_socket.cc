// SPDX-License-Identifier: Apache-2.0
#include "init/notify_socket.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "init/mount_point.h"
#include "init/mounts.h"

namespace krun::init {
namespace {

constexpr size_t kMaxMessageBytes = 4096;

Result<void> bind_at(UniqueFd const& socket, UniqueFd const& dir, std::string const& name) {
    // bind(2) knows no directory descriptors.
    std::string const path = "/proc/self/fd/" + std::to_string(dir.borrow().raw()) + "/" + name;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return fail(Error(Errc::kInvalidConfig, "its name is too long"));
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (::bind(socket.borrow().raw(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
        return fail(Error::sys("bind"));
    return {};
}

}  // namespace

Result<UniqueFd> make_notify_socket(BorrowedFd root, std::string const& path, guest::User const& user) {
    auto const place = TRY(open_or_create_parent(root, path));
    FileSystemRequest request{"tmpfs", "notify", {}, {{"mode", "0755"}, {"size", "4096"}}, 0};
    request.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    auto const dir = TRY(make_file_system(request));
    TRY(attach(dir.borrow(), place.parent.borrow()));

    UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return fail(Error::sys("open a socket"));
    TRY(bind_at(socket, dir, place.name));
    if (::fchownat(dir.borrow().raw(), place.name.c_str(), user.uid, user.gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(Error::sys("set the owner"));
    // Sending needs no writable file system, and nothing else belongs there.
    TRY(change_attributes(dir.borrow(), MOUNT_ATTR_RDONLY, 0, /*recursive=*/false));
    return socket;
}

bool take_notifications(BorrowedFd socket, int limit, std::function<void(std::string_view)> const& take) {
    std::array<char, kMaxMessageBytes> text;
    for (int i = 0; i < limit; ++i) {
        // MSG_TRUNC returns the real length. Without room for them the kernel drops passed descriptors.
        ssize_t const n = ::recv(socket.raw(), text.data(), text.size(), MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0 && errno != EINTR) return false;
        if (n > 0 && static_cast<size_t>(n) <= text.size()) take({text.data(), static_cast<size_t>(n)});
    }
    return true;
}

}  // namespace krun::init
