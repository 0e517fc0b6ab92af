// SPDX-License-Identifier: Apache-2.0
#include "vmm/disk/raw_disk.h"

#include <string>

namespace krun::vmm {

Result<std::unique_ptr<Disk>> RawDisk::make(ImageFile file) {
    if (file.size_bytes() == 0 || file.size_bytes() % kSectorBytes != 0)
        return fail(Error(Errc::kInvalidConfig, "a raw image must be whole sectors of 512 bytes, is " +
                                                    std::to_string(file.size_bytes()) + " bytes"));
    return std::unique_ptr<Disk>(new RawDisk(std::move(file)));
}

DiskResult RawDisk::read_now(uint64_t at, std::span<iovec const> into) {
    if (!can_tell_) return read(at, into);
    auto const result = file_.read_now(at, into);
    if (result.ok() || result.error().value != EOPNOTSUPP) return result;
    can_tell_ = false;  // tmpfs
    return read(at, into);
}

}  // namespace krun::vmm
