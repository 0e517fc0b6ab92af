// SPDX-License-Identifier: Apache-2.0
#include "init/socket_mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "base/fd.h"
#include "base/strings.h"
#include "init/mounts.h"

namespace krun::init {
namespace {

constexpr char kPlace[] = "/run";
constexpr int kBacklog = 128;

Result<UniqueFd> listen_at(std::string const& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return fail(Error(Errc::kInternal, "a long name"));
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    int const fd = socket.valid() ? socket.borrow().raw() : -1;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 || ::listen(fd, kBacklog) < 0)
        return fail(Error::sys("listen"));
    return socket;
}

Result<void> make_place() {
    FileSystemRequest request{"tmpfs", "sockets", {}, {{"mode", "0755"}, {"size", "64k"}}, 0};
    request.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    auto const made = TRY(make_file_system(request));
    auto const target = TRY(open_path(kPlace, O_PATH | O_DIRECTORY));
    return attach(made.borrow(), target.borrow());
}

}  // namespace

Result<SocketMount> make_socket_mount(guest::Mount const& mount) {
    SocketMount out;
    auto const number = parse_uint64(std::string_view(mount.source).substr(mount.source.rfind('/') + 1));
    if (!number || *number > UINT32_MAX) return fail(Error(Errc::kInternal, "a socket without a number"));
    out.number = static_cast<uint32_t>(*number);
    TRY(make_place());
    auto const path = kPlace + std::string("/") + std::to_string(out.number);
    out.listener = TRY(listen_at(path));
    auto const& [mode, uid, gid] = *mount.socket;
    if (::chown(path.c_str(), uid, gid) < 0 || ::chmod(path.c_str(), mode & 07777) < 0)
        return fail(Error::sys("set the owner"));
    out.tree = TRY(clone_tree(BorrowedFd(AT_FDCWD), path, /*recursive=*/false));
    return out;
}

}  // namespace krun::init
