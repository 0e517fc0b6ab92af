// SPDX-License-Identifier: Apache-2.0
#include "vmm/disk/open_disk.h"

#include "base/strings.h"
#include "vmm/disk/image_file.h"
#include "vmm/disk/qcow2_disk.h"
#include "vmm/disk/raw_disk.h"

namespace krun::vmm {

Result<std::unique_ptr<Disk>> open_disk(DiskImage const& image) {
    auto const what = "disk image " + quoted(image.path);
    auto file = TRY_WITH(ImageFile::open(image.path, image.read_only), what);
    if (image.format == DiskFormat::kRaw) return TRY_WITH(RawDisk::make(std::move(file)), what);
    return TRY_WITH(Qcow2Disk::make(std::move(file)), what);
}

}  // namespace krun::vmm
