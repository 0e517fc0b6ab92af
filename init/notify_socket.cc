// SPDX-License-Identifier: Apache-2.0
#include "init/notify_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "base/fd.h"
#include "config-gen/control_protocol.h"
#include "init/descriptors.h"
#include "init/mount_point.h"
#include "init/mounts.h"
#include "init/raw_clone.h"

namespace krun::init {
namespace {

using Text = std::array<char, control::kMaxNotifyBytes>;

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

struct Message {
    ssize_t bytes;  // its real length; or as recvmsg(2)
    UniqueFd fd{};
};

Message receive(BorrowedFd socket, Text& text) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> space{};
    iovec part{text.data(), text.size()};
    msghdr packet{};
    packet.msg_iov = &part;
    packet.msg_iovlen = 1;
    packet.msg_control = space.data();
    packet.msg_controllen = CMSG_LEN(sizeof(int));  // those without room the kernel drops
    Message out{::recvmsg(socket.raw(), &packet, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC)};
    cmsghdr const* const head = CMSG_FIRSTHDR(&packet);
    int fd = -1;
    if (out.bytes < 0 || head == nullptr || head->cmsg_type != SCM_RIGHTS) return out;
    std::memcpy(&fd, CMSG_DATA(head), sizeof fd);
    out.fd = UniqueFd(fd);
    return out;
}

// Until init wants no more and nothing is left.
[[noreturn]] void pass_on(BorrowedFd socket, BorrowedFd init) {
    Text text;
    pollfd watched[] = {{socket.raw(), POLLIN, 0}, {init.raw(), POLLIN | POLLRDHUP, 0}};
    while (true) {
        ::poll(watched, std::size(watched), -1);
        auto const message = receive(socket, text);
        if (message.bytes < 0 && errno == EAGAIN && watched[1].revents != 0) ::_exit(0);
        if (message.bytes <= 0 || static_cast<size_t>(message.bytes) > text.size()) continue;
        std::string_view const said(text.data(), static_cast<size_t>(message.bytes));
        bool const barrier = said == control::kBarrier;
        if (barrier && !message.fd.valid()) continue;
        if (::send(init.raw(), said.data(), said.size(), MSG_NOSIGNAL) < 0) ::_exit(0);
        // sd_notify(3): the descriptor stays open until the host says so, or init that there is no more.
        if (barrier)
            while (::recv(init.raw(), text.data(), 1, 0) < 0 && errno == EINTR) {
            }
    }
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

Result<UniqueFd> start_notify_reader(UniqueFd socket) {
    auto sockets = TRY(make_socketpair(SOCK_SEQPACKET));
    auto const reader = TRY(raw_clone(SIGCHLD, 0, {}));
    if (reader.pid != 0) return std::move(sockets.first);
    close_all_but({socket.borrow().raw(), sockets.second.borrow().raw()});
    pass_on(socket.borrow(), sockets.second.borrow());
}

bool take_notifications(BorrowedFd reader, int limit, std::function<void(std::string_view)> const& take) {
    Text text;
    for (int i = 0; i < limit; ++i) {
        ssize_t const n = ::recv(reader.raw(), text.data(), text.size(), MSG_DONTWAIT);
        if (n == 0) return false;
        if (n < 0 && errno != EINTR) return true;
        if (n > 0) take({text.data(), static_cast<size_t>(n)});
    }
    return true;
}

void end_barrier(BorrowedFd reader) {
    ::send(reader.raw(), "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void take_last_notifications(BorrowedFd reader, std::function<void(std::string_view)> const& take) {
    constexpr int kWaitMs = 1000;
    ::shutdown(reader.raw(), SHUT_WR);
    pollfd watched{reader.raw(), POLLIN, 0};
    while (::poll(&watched, 1, kWaitMs) > 0)
        if (!take_notifications(reader, 1, take)) return;
}

}  // namespace krun::init
