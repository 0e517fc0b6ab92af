// SPDX-License-Identifier: Apache-2.0
// The file or block device of the host that an image lies in: opened once, locked as long as it is open, and
// read and written at offsets without ever moving a shared position.
#pragma once
#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "vmm/disk/disk.h"

namespace krun::vmm {

class ImageFile {
public:
    // A regular file or a block device; read-only, the descriptor itself cannot write. The lock belongs to
    // the open file (fcntl(2), F_OFD_SETLK) and covers all of it: one writer or many readers. It is gone when
    // the last duplicate of the descriptor is closed, and other emulators respect it. Errors name the path.
    static Result<ImageFile> open(std::string const& path, bool read_only);
    // Takes what is open already, without a lock.
    static Result<ImageFile> adopt(UniqueFd fd, bool read_only);

    bool read_only() const { return read_only_; }
    uint64_t size_bytes() const { return size_bytes_; }

    // These may be called by several threads at once, as long as nobody makes the file longer.
    // Past the file's end there are zeros.
    DiskResult read(uint64_t at, std::span<iovec const> into);
    DiskResult read(uint64_t at, std::span<std::byte> into);
    // EAGAIN: not all of it is in memory. EOPNOTSUPP: the file system cannot tell.
    DiskResult read_now(uint64_t at, std::span<iovec const> into);
    // Writing past the end makes the file longer.
    DiskResult write(uint64_t at, std::span<iovec const> from);
    DiskResult write(uint64_t at, std::span<std::byte const> from);
    DiskResult write_zeroes(uint64_t at, uint64_t len);
    DiskResult sync();
    DiskResult grow(uint64_t size_bytes);
    // fallocate(2); EOPNOTSUPP where the host's file system or device cannot do it.
    DiskResult punch_hole(uint64_t at, uint64_t len);
    DiskResult zero_range(uint64_t at, uint64_t len);

private:
    ImageFile(UniqueFd fd, uint64_t size_bytes, bool read_only)
        : fd_(std::move(fd)), size_bytes_(size_bytes), read_only_(read_only) {}
    template <class Call>
    DiskResult transfer(uint64_t at, std::span<iovec const> parts, Call call);
    DiskResult allocate(int mode, uint64_t at, uint64_t len);

    UniqueFd fd_;
    uint64_t size_bytes_;
    bool read_only_;
};

// Zeros into memory that only the kernel and copies may touch otherwise: nothing of it is read.
void fill_with_zeros(std::span<iovec const> parts);

}  // namespace krun::vmm
