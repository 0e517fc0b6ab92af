// SPDX-License-Identifier: Apache-2.0
#include "base/fd_passing.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace krun {
namespace {

union Space {
    cmsghdr align;
    std::array<char, CMSG_SPACE(kMaxPassedFds * sizeof(int))> bytes;
};

void put_descriptors(msghdr& message, Space& space, std::span<BorrowedFd const> fds) {
    KRUN_CHECK(fds.size() <= kMaxPassedFds, "too many descriptors for one message");
    size_t const len_bytes = fds.size() * sizeof(int);
    message.msg_control = space.bytes.data();
    message.msg_controllen = CMSG_SPACE(len_bytes);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(len_bytes);
    for (size_t i = 0; i < fds.size(); ++i) {
        int const fd = fds[i].raw();
        std::memcpy(CMSG_DATA(header) + i * sizeof fd, &fd, sizeof fd);
    }
}

std::vector<UniqueFd> take_descriptors(msghdr& message) {
    std::vector<UniqueFd> out;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t const count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            out.emplace_back(fd);
        }
    }
    return out;
}

}  // namespace

Result<void> send_message(BorrowedFd socket, std::span<std::byte const> bytes,
                          std::span<BorrowedFd const> fds, int flags) {
    iovec data{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    Space space{};
    if (!fds.empty()) put_descriptors(message, space, fds);
    ssize_t n = 0;
    do {
        n = ::sendmsg(socket.raw(), &message, flags | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return fail(Error::sys("send a message"));
    if (static_cast<size_t>(n) != bytes.size())
        return fail(Error(Errc::kInternal, "only a part of a message could be sent"));
    return {};
}

Result<ReceivedMessage> receive_message(BorrowedFd socket, std::span<std::byte> out, int flags) {
    iovec data{out.data(), out.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    Space space{};
    message.msg_control = space.bytes.data();
    message.msg_controllen = space.bytes.size();
    ssize_t n = 0;
    do {
        n = ::recvmsg(socket.raw(), &message, flags | MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return fail(Error::sys("receive a message"));
    ReceivedMessage received{static_cast<size_t>(n), take_descriptors(message)};
    // recvmsg(2) has no error for it: unix(7), the kernel closes what finds no room in the process.
    if ((message.msg_flags & MSG_CTRUNC) != 0 && received.fds.size() < kMaxPassedFds) {
        errno = EMFILE;
        return fail(Error::sys("receive descriptors"));
    }
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
        return fail(Error(Errc::kInternal, "a message was longer than expected"));
    return received;
}

}  // namespace krun
