// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/passed_fds.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/fd.h"
#include "base/strings.h"
#include "config-gen/control_protocol.h"

namespace krun::runtime {
namespace {

constexpr uint32_t kFirst = 3;
constexpr uint64_t kMax = control::kMaxStreams - kFirst;

Error bad(uint32_t fd, std::string const& why, Errc code, Where where = Where::current()) {
    return Error(code, "descriptor " + std::to_string(fd) + " " + why, 0, where);
}

int socket_option(BorrowedFd fd, int option) {
    int value = 0;
    socklen_t len_bytes = sizeof value;
    return ::getsockopt(fd.raw(), SOL_SOCKET, option, &value, &len_bytes) < 0 ? -1 : value;
}

bool is_stream_socket(BorrowedFd fd) {
    return socket_option(fd, SO_TYPE) == SOCK_STREAM;
}

bool listens(BorrowedFd fd) {
    return is_stream_socket(fd) && socket_option(fd, SO_ACCEPTCONN) == 1;
}

// Whether its bytes are a stream that can be read or written as `access` says.
bool is_stream(BorrowedFd fd, struct stat const& info, std::string const& access) {
    if (S_ISFIFO(info.st_mode) || S_ISCHR(info.st_mode)) return true;
    if (S_ISREG(info.st_mode)) return access != "rw";
    return S_ISSOCK(info.st_mode) && is_stream_socket(fd);
}

template <class Name>
uint16_t port_of(sockaddr_storage const& address, in_port_t Name::*member) {
    Name name{};
    std::memcpy(&name, &address, sizeof name);
    return ntohs(name.*member);
}

Result<guest::PassedFd> describe_listening(uint32_t number, BorrowedFd fd) {
    sockaddr_storage address{};
    socklen_t bytes = sizeof address;
    if (::getsockname(fd.raw(), reinterpret_cast<sockaddr*>(&address), &bytes) < 0)
        return fail(Error::sys("look at descriptor " + std::to_string(number)));
    guest::PassedFd out{number, "listen"};
    switch (address.ss_family) {
        case AF_UNIX:
            out.family = "unix";
            return out;
        case AF_INET:
            out.family = "inet";
            out.port = port_of(address, &sockaddr_in::sin_port);
            return out;
        case AF_INET6:
            out.family = "inet6";
            out.port = port_of(address, &sockaddr_in6::sin6_port);
            return out;
        default:
            return fail(
                bad(number, "listens in a family that a virtual machine does not share", Errc::kUnsupported));
    }
}

Result<guest::PassedFd> describe(uint32_t number, BorrowedFd fd) {
    int const flags = ::fcntl(fd.raw(), F_GETFL);
    struct stat info {};
    if (flags < 0 || ::fstat(fd.raw(), &info) < 0)
        return fail(bad(number, "is not open", Errc::kInvalidConfig));
    if (listens(fd)) return describe_listening(number, fd);
    int const mode = flags & O_ACCMODE;
    std::string const access = mode == O_RDONLY ? "r" : mode == O_WRONLY ? "w" : "rw";
    if (!is_stream(fd, info, access))
        return fail(bad(number, "cannot be passed into a virtual machine: it is no stream of bytes",
                        Errc::kUnsupported));
    return guest::PassedFd{number, access};
}

Result<std::vector<PassedFd>> pass(uint32_t first, uint64_t count) {
    std::vector<PassedFd> out;
    for (uint32_t number = first; number < first + count; ++number) {
        BorrowedFd const fd(static_cast<int>(number));
        auto description = TRY(describe(number, fd));
        auto copy = TRY(duplicate(fd));
        out.push_back({std::move(description), std::move(copy)});
    }
    return out;
}

Result<uint64_t> parse_count(std::string const& count, uint64_t max) {
    auto const number = count.empty() ? 0 : parse_uint64(count);
    if (number && *number <= max) return *number;
    return fail(Error(Errc::kInvalidConfig, "--preserve-fds " + quoted(count) +
                                                ": must be a number from 0 to " + std::to_string(max)));
}

// How many descriptors were meant for this process; 0 if the variables were another's (sd_listen_fds(3)).
Result<uint64_t> announced() {
    char const* const pid = ::getenv("LISTEN_PID");
    char const* const count = ::getenv("LISTEN_FDS");
    if (pid == nullptr || count == nullptr || pid != std::to_string(::getpid())) return uint64_t{0};
    auto const number = parse_uint64(count);
    if (number && *number <= kMax) return *number;
    return fail(Error(Errc::kInvalidConfig, "LISTEN_FDS " + quoted(count) + ": must be a number from 0 to " +
                                                std::to_string(kMax)));
}

// In its pid namespace the payload is 1.
std::vector<std::string> announcement(uint64_t count) {
    if (count == 0) return {};
    std::vector<std::string> env = {"LISTEN_FDS=" + std::to_string(count), "LISTEN_PID=1"};
    if (char const* const names = ::getenv("LISTEN_FDNAMES"))
        env.push_back("LISTEN_FDNAMES=" + std::string(names));
    return env;
}

}  // namespace

Result<std::vector<PassedFd>> preserved_fds(std::string const& count) {
    uint64_t const number = TRY(parse_count(count, kMax));
    auto passed = TRY_WITH(pass(kFirst, number), "--preserve-fds");
    for (auto const& [description, fd] : passed)
        if (description.access == "listen")
            return fail(
                Error(Errc::kUnsupported, "--preserve-fds: descriptor " + std::to_string(description.fd) +
                                              " listens: only the container's first process can have it"));
    return passed;
}

Result<PassedFds> fds_for_payload(std::string const& count) {
    uint64_t const activated = TRY(announced());
    auto fds = TRY_WITH(pass(kFirst, activated), "LISTEN_FDS");
    PassedFds out{std::move(fds), announcement(activated)};
    uint64_t const preserved = TRY(parse_count(count, kMax - activated));
    auto rest = TRY_WITH(pass(kFirst + static_cast<uint32_t>(activated), preserved), "--preserve-fds");
    for (auto& one : rest) out.fds.push_back(std::move(one));
    return out;
}

}  // namespace krun::runtime
