// SPDX-License-Identifier: Apache-2.0
// The header of a qcow2 image (QEMU docs/interop/qcow2.txt), versions 2 and 3, read and judged before
// anything else of the file is looked at.
#pragma once
#include <cstdint>
#include <span>

#include "base/error.h"
#include "vmm/disk/image_file.h"

namespace krun::vmm {

// Numbers are the machine's; in the file all of them are big-endian. Offsets are bytes from the file's start.
struct Qcow2Header {
    uint32_t version = 0;
    uint32_t cluster_bits = 0;
    uint64_t size_bytes = 0;  // of the disk
    uint64_t l1_offset = 0;
    uint32_t l1_entries = 0;
    uint64_t refcount_table_offset = 0;
    uint32_t refcount_table_clusters = 0;
    bool zstd = false;  // what its compressed clusters are; else deflate

    uint64_t cluster_bytes() const { return uint64_t{1} << cluster_bits; }
    uint64_t entries_per_table() const { return cluster_bytes() / sizeof(uint64_t); }
    // 16 bits each.
    uint64_t refcounts_per_block() const { return cluster_bytes() / sizeof(uint16_t); }
};

// Refused with what it is: backing files, encryption, external data files, compression other than deflate
// and zstd, extended L2 entries, unknown incompatible features, refcounts of other than 16 bits; for writing
// also internal snapshots, bitmaps, and an image that was not closed properly. Nothing that is accepted can
// make a reader allocate more than 40 MiB.
Result<Qcow2Header> read_qcow2_header(ImageFile& file);

// A table of big-endian numbers, as it is in the file. REQUIRES: bounded by read_qcow2_header.
Result<std::vector<uint64_t>, Errno> read_qcow2_table(ImageFile& file, uint64_t at, uint64_t entries);
DiskResult write_qcow2_entry(ImageFile& file, uint64_t at, uint64_t entry);

}  // namespace krun::vmm
