// SPDX-License-Identifier: Apache-2.0
// An image without a format: byte N of the disk is byte N of the file.
#pragma once
#include <memory>

#include "vmm/disk/disk.h"
#include "vmm/disk/image_file.h"

namespace krun::vmm {

class RawDisk final : public Disk {
public:
    // Refuses a file that is empty or not whole sectors.
    static Result<std::unique_ptr<Disk>> make(ImageFile file);

    uint64_t size_bytes() const override { return size_bytes_; }
    bool read_only() const override { return file_.read_only(); }
    uint64_t discard_granularity() const override { return 4096; }  // file systems' blocks
    bool is_concurrent() const override { return true; }
    DiskResult read(uint64_t at, std::span<iovec const> into) override { return file_.read(at, into); }
    DiskResult read_now(uint64_t at, std::span<iovec const> into) override;
    DiskResult write(uint64_t at, std::span<iovec const> from) override { return file_.write(at, from); }
    DiskResult flush() override { return file_.sync(); }
    DiskResult discard(uint64_t at, uint64_t len) override { return file_.punch_hole(at, len); }
    DiskResult write_zeroes(uint64_t at, uint64_t len, bool may_unmap) override {
        return may_unmap ? file_.punch_hole(at, len) : file_.zero_range(at, len);
    }

private:
    explicit RawDisk(ImageFile file) : file_(std::move(file)), size_bytes_(file_.size_bytes()) {}
    ImageFile file_;
    uint64_t size_bytes_;   // the guest was told it: the file may change
    bool can_tell_ = true;  // the host's file system, what it would wait for
};

}  // namespace krun::vmm
