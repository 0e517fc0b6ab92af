// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace krun {
namespace {

// Calls `f` until it does not fail with EINTR.
template <class F>
auto retry(F f) {
    while (true) {
        auto const result = f();
        if (result != -1 || errno != EINTR) return result;
    }
}

}  // namespace

Result<UniqueFd> open_path(std::string const& path, int flags, mode_t mode) {
    int const fd = retry([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); });
    if (fd < 0) return fail(Error::sys("open " + path));
    return UniqueFd(fd);
}

Result<UniqueFd> open_at(BorrowedFd dir, std::string const& name, int flags, mode_t mode) {
    int const fd = retry([&] { return ::openat(dir.raw(), name.c_str(), flags | O_CLOEXEC, mode); });
    if (fd < 0) return fail(Error::sys("open " + name));
    return UniqueFd(fd);
}

Result<UniqueFd> duplicate(BorrowedFd fd) {
    int const copy = ::fcntl(fd.raw(), F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return fail(Error::sys("duplicate fd " + std::to_string(fd.raw())));
    return UniqueFd(copy);
}

Result<UniqueFd> make_eventfd() {
    int const fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) return fail(Error::sys("create an eventfd"));
    return UniqueFd(fd);
}

Result<std::pair<UniqueFd, UniqueFd>> make_pipe() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) < 0) return fail(Error::sys("create a pipe"));
    return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

Result<std::pair<UniqueFd, UniqueFd>> make_socketpair(int type) {
    int fds[2];
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
        return fail(Error::sys("create a socket pair"));
    return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

Result<UniqueFd> make_memfd(char const* name, uint64_t size_bytes) {
    UniqueFd fd(::memfd_create(name, MFD_CLOEXEC));
    if (!fd.valid()) return fail(Error::sys(std::string("create memfd ") + name));
    if (retry([&] { return ::ftruncate(fd.borrow().raw(), static_cast<off_t>(size_bytes)); }) < 0)
        return fail(Error::sys(std::string("resize memfd ") + name));
    return fd;
}

Result<void> set_nonblocking(BorrowedFd fd, bool nonblocking) {
    int const flags = ::fcntl(fd.raw(), F_GETFL);
    if (flags < 0) return fail(Error::sys("read the flags of a descriptor"));
    int const wanted = nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    if (::fcntl(fd.raw(), F_SETFL, wanted) < 0) return fail(Error::sys("set the flags of a descriptor"));
    return {};
}

Result<size_t> read_full(BorrowedFd fd, std::span<std::byte> out) {
    size_t done = 0;
    while (done < out.size()) {
        ssize_t const n = retry([&] { return ::read(fd.raw(), out.data() + done, out.size() - done); });
        if (n < 0) return fail(Error::sys("read"));
        if (n == 0) break;
        done += static_cast<size_t>(n);
    }
    return done;
}

Result<void> write_full(BorrowedFd fd, std::span<std::byte const> data) {
    while (!data.empty()) {
        ssize_t const n = retry([&] { return ::write(fd.raw(), data.data(), data.size()); });
        if (n < 0) return fail(Error::sys("write"));
        data = data.subspan(static_cast<size_t>(n));
    }
    return {};
}

Result<std::string> read_file(BorrowedFd fd, size_t max_bytes) {
    std::string out;
    while (out.size() <= max_bytes) {
        size_t const before = out.size();
        out.resize(before + 64 * 1024);
        auto const bytes = std::as_writable_bytes(std::span(out)).subspan(before);
        size_t const n = TRY(read_full(fd, bytes));
        out.resize(before + n);
        if (n < bytes.size()) break;
    }
    if (out.size() > max_bytes)
        return fail(Error(Errc::kInvalidConfig, "larger than " + std::to_string(max_bytes) + " bytes"));
    return out;
}

Result<std::string> read_file(std::string const& path, size_t max_bytes) {
    auto const fd = TRY(open_path(path, O_RDONLY));
    return TRY_WITH(read_file(fd.borrow(), max_bytes), path);
}

Result<void> replace_file(BorrowedFd dir, std::string const& name, std::string_view text, mode_t mode) {
    std::string const temporary = "." + name + ".new";
    if (::unlinkat(dir.raw(), temporary.c_str(), 0) < 0 && errno != ENOENT)
        return fail(Error::sys("remove stale " + temporary));
    {
        // O_EXCL: never write through something another user planted under that name.
        auto const fd = TRY(open_at(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
        if (auto r = write_full(fd.borrow(), text); !r.ok()) {
            ::unlinkat(dir.raw(), temporary.c_str(), 0);
            return fail(std::move(r).error().with("write " + name));
        }
    }
    if (::renameat(dir.raw(), temporary.c_str(), dir.raw(), name.c_str()) < 0) {
        auto error = Error::sys("rename " + temporary + " to " + name);
        ::unlinkat(dir.raw(), temporary.c_str(), 0);
        return fail(std::move(error));
    }
    return {};
}

}  // namespace krun
