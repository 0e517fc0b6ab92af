// SPDX-License-Identifier: Apache-2.0
// From what the user says about a disk to the disk.
#pragma once
#include <memory>
#include <string>

#include "base/error.h"
#include "vmm/disk/disk.h"

namespace krun::vmm {

// Never guessed: a guest that writes another format's header into its raw disk would choose what is read
// next.
enum class DiskFormat { kRaw, kQcow2 };

struct DiskImage {
    std::string path;  // of a file or of a block device of the host
    DiskFormat format = DiskFormat::kRaw;
    bool read_only = false;
};

// Opens, locks and checks it. One line says what is wrong with it, and begins with its path.
Result<std::unique_ptr<Disk>> open_disk(DiskImage const& image);

}  // namespace krun::vmm
