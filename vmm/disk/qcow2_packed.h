// SPDX-License-Identifier: Apache-2.0
// Compressed clusters of a qcow2 image (QEMU docs/interop/qcow2.txt, "Compressed Clusters Descriptor"): each
// is unpacked as a whole, and the last one is kept, as reads go on where they ended. Hostile, as the image
// is: what is read and what it unpacks to are never more than two clusters and one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vmm/disk/image_file.h"
#include "vmm/disk/qcow2_header.h"

namespace krun::vmm {

class Qcow2Packed {
public:
    // Both outlive it.
    Qcow2Packed(ImageFile& file, Qcow2Header const& header) : file_(file), header_(header) {}

    // Whether an L2 entry's compressed cluster begins in the file.
    bool is_inside(uint64_t l2_entry) const { return place(l2_entry).offset < file_.size_bytes(); }
    // A whole cluster, valid until the next call. EIO: it does not unpack to one.
    Result<std::span<std::byte const>, Errno> unpack(uint64_t l2_entry);

private:
    struct Place {
        uint64_t offset, len;  // of the packed bytes; some of the last may be another's
    };
    Place place(uint64_t l2_entry) const;

    ImageFile& file_;
    Qcow2Header const& header_;
    uint64_t unpacked_ = 0;  // the entry whose cluster is in cluster_; 0: none
    std::vector<std::byte> packed_;
    std::vector<std::byte> cluster_;
};

}  // namespace krun::vmm
