// SPDX-License-Identifier: Apache-2.0
#include "runtime/passed_fds.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/strings.h"
#include "config-gen/control_protocol.h"

namespace krun::runtime {
namespace {

constexpr uint32_t kFirst = 3;
constexpr uint64_t kMax = control::kMaxStreams - kFirst;

Error bad(uint32_t fd, std::string const& why, Errc code, Where where = Where::current()) {
    return Error(code, "--preserve-fds: descriptor " + std::to_string(fd) + " " + why, 0, where);
}

int socket_option(BorrowedFd fd, int option) {
    int value = 0;
    socklen_t len_bytes = sizeof value;
    return ::getsockopt(fd.raw(), SOL_SOCKET, option, &value, &len_bytes) < 0 ? -1 : value;
}

Result<void> check_kind(BorrowedFd fd, std::string const& access) {
    auto const number = static_cast<uint32_t>(fd.raw());
    struct stat info {};
    if (::fstat(fd.raw(), &info) < 0) return fail(bad(number, "is not open", Errc::kInvalidConfig));
    if (S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode)) return {};
    if (S_ISREG(info.st_mode) && access != "rw") return {};
    if (S_ISSOCK(info.st_mode) && socket_option(fd, SO_TYPE) == SOCK_STREAM &&
        socket_option(fd, SO_ACCEPTCONN) == 0)
        return {};
    return fail(
        bad(number, "cannot be passed into a virtual machine: it is no stream of bytes", Errc::kUnsupported));
}

Result<PassedFd> pass(uint32_t number) {
    BorrowedFd const fd(static_cast<int>(number));
    int const flags = ::fcntl(fd.raw(), F_GETFL);
    if (flags < 0) return fail(bad(number, "is not open", Errc::kInvalidConfig));
    int const mode = flags & O_ACCMODE;
    std::string const access = mode == O_RDONLY ? "r" : mode == O_WRONLY ? "w" : "rw";
    TRY(check_kind(fd, access));
    auto copy = TRY(duplicate(fd));
    return PassedFd{{number, access}, std::move(copy)};
}

}  // namespace

Result<std::vector<PassedFd>> passed_fds(std::string const& count) {
    auto const number = count.empty() ? 0 : parse_uint64(count);
    if (!number || *number > kMax)
        return fail(Error(Errc::kInvalidConfig, "--preserve-fds " + quoted(count) +
                                                    ": must be a number from 0 to " + std::to_string(kMax)));
    std::vector<PassedFd> out;
    for (uint32_t i = 0; i < *number; ++i) out.push_back(TRY(pass(kFirst + i)));
    return out;
}

}  // namespace krun::runtime
