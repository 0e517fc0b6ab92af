// SPDX-License-Identifier: Apache-2.0
#include "vmm/disk/image_file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "vmm/device/iovec_slice.h"

namespace krun::vmm {
namespace {

constexpr std::array<std::byte, 65536> kZeros{};

size_t bytes_of(std::span<iovec const> parts) {
    size_t sum = 0;
    for (auto const& part : parts) sum += part.iov_len;
    return sum;
}

int count(std::span<iovec const> parts) {
    return static_cast<int>(std::min<size_t>(parts.size(), IOV_MAX));
}

Result<void> lock(BorrowedFd fd, bool read_only) {
    struct flock range {};
    range.l_type = read_only ? F_RDLCK : F_WRLCK;
    range.l_whence = SEEK_SET;  // from 0 to the end, wherever that will be
    if (::fcntl(fd.raw(), F_OFD_SETLK, &range) == 0) return {};
    if (errno == EAGAIN || errno == EACCES)
        return fail(Error(Errc::kBadState, "it is in use by another machine"));
    return fail(Error::sys("lock it"));
}

}  // namespace

void fill_with_zeros(std::span<iovec const> parts) {
    for (auto const& part : parts) std::memset(part.iov_base, 0, part.iov_len);
}

Result<ImageFile> ImageFile::open(std::string const& path, bool read_only) {
    // O_NONBLOCK: a pipe is refused by its type, and must not wait for a writer before that.
    UniqueFd fd(::open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!fd.valid()) return fail(Error::sys(read_only ? "open for reading" : "open for writing"));
    TRY(lock(fd.borrow(), read_only));
    return adopt(std::move(fd), read_only);
}

Result<ImageFile> ImageFile::adopt(UniqueFd fd, bool read_only) {
    struct stat status {};
    if (::fstat(fd.borrow().raw(), &status) < 0) return fail(Error::sys("stat"));
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        return fail(Error(Errc::kInvalidConfig, "it is neither a file nor a block device"));
    off_t const end = ::lseek(fd.borrow().raw(), 0, SEEK_END);  // st_size of a block device is 0
    if (end < 0) return fail(Error::sys("find its end"));
    return ImageFile(std::move(fd), static_cast<uint64_t>(end), read_only);
}

// `call` moves some of the parts at an offset, as preadv(2) does; 0 is the file's end.
template <class Call>
DiskResult ImageFile::transfer(uint64_t at, std::span<iovec const> parts, Call call) {
    size_t const total = bytes_of(parts);
    size_t done = 0;
    std::vector<iovec> rest;  // of a call that moved less than it was asked to
    while (done < total) {
        if (done > 0) slice_iovecs(parts, done, total - done, rest);
        auto const left = done > 0 ? std::span<iovec const>(rest) : parts;
        ssize_t const n = call(left, static_cast<off_t>(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(Errno{errno});
        if (n == 0) {
            fill_with_zeros(left);
            return {};
        }
        done += static_cast<size_t>(n);
    }
    return {};
}

DiskResult ImageFile::read(uint64_t at, std::span<iovec const> into) {
    return transfer(at, into, [this](std::span<iovec const> parts, off_t where) {
        return ::preadv(fd_.borrow().raw(), parts.data(), count(parts), where);
    });
}

DiskResult ImageFile::read_now(uint64_t at, std::span<iovec const> into) {
    ssize_t const n =
        ::preadv2(fd_.borrow().raw(), into.data(), count(into), static_cast<off_t>(at), RWF_NOWAIT);
    if (n < 0) return fail(Errno{errno == EINTR ? EAGAIN : errno});
    if (static_cast<size_t>(n) < bytes_of(into)) return fail(Errno{EAGAIN});
    return {};
}

DiskResult ImageFile::read(uint64_t at, std::span<std::byte> into) {
    iovec const part{into.data(), into.size()};
    return read(at, {&part, 1});
}

DiskResult ImageFile::write(uint64_t at, std::span<iovec const> from) {
    TRY(transfer(at, from, [this](std::span<iovec const> parts, off_t where) {
        ssize_t const n = ::pwritev(fd_.borrow().raw(), parts.data(), count(parts), where);
        if (n == 0) errno = EIO;  // never said of a file; it would look like the end of one that is read
        return n == 0 ? -1 : n;
    }));
    if (uint64_t const end = at + bytes_of(from); end > size_bytes_) size_bytes_ = end;
    return {};
}

DiskResult ImageFile::write(uint64_t at, std::span<std::byte const> from) {
    iovec const part{const_cast<std::byte*>(from.data()), from.size()};  // pwritev only reads it
    return write(at, {&part, 1});
}

DiskResult ImageFile::write_zeroes(uint64_t at, uint64_t len) {
    while (len > 0) {
        size_t const n = std::min<uint64_t>(len, kZeros.size());
        TRY(write(at, std::span(kZeros).first(n)));
        at += n;
        len -= n;
    }
    return {};
}

DiskResult ImageFile::sync() {
    if (::fdatasync(fd_.borrow().raw()) < 0) return fail(Errno{errno});
    return {};
}

DiskResult ImageFile::grow(uint64_t size_bytes) {
    if (size_bytes <= size_bytes_) return {};
    if (::ftruncate(fd_.borrow().raw(), static_cast<off_t>(size_bytes)) < 0) return fail(Errno{errno});
    size_bytes_ = size_bytes;
    return {};
}

DiskResult ImageFile::punch_hole(uint64_t at, uint64_t len) {
    return allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, len);
}

DiskResult ImageFile::zero_range(uint64_t at, uint64_t len) {
    return allocate(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, at, len);
}

DiskResult ImageFile::allocate(int mode, uint64_t at, uint64_t len) {
    while (::fallocate(fd_.borrow().raw(), mode, static_cast<off_t>(at), static_cast<off_t>(len)) < 0)
        if (errno != EINTR) return fail(Errno{errno});
    return {};
}

}  // namespace krun::vmm
