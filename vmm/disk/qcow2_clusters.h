// SPDX-License-Identifier: Apache-2.0
// Which clusters of a qcow2 file are in use: in memory, and in the file's refcounts, which are kept right at
// every moment, so that the death of this process costs unused clusters at most. Without internal snapshots a
// cluster is used once or not at all.
#pragma once
#include <cstdint>
#include <vector>

#include "vmm/disk/image_file.h"
#include "vmm/disk/qcow2_header.h"

namespace krun::vmm {

class Qcow2Clusters {
public:
    // What this file is willing to keep account of, in 16 MiB of memory: 8 TiB of clusters of 64 KiB.
    static constexpr uint64_t kMaxClusters = uint64_t{1} << 27;

    // `file` and `header` outlive it. Claims the header and both tables.
    static Result<Qcow2Clusters> make(ImageFile& file, Qcow2Header const& header,
                                      std::vector<uint64_t> const& l1);

    // Notes that the cluster at `offset` is used. Refuses one that is misaligned, outside the file or, in an
    // image that is to be written, used by something else: what the guest writes there would become metadata.
    Result<void> claim(uint64_t offset);
    // After the last claim: compares with the file's refcounts. Clusters that are counted but that nothing
    // uses stay as they are.
    Result<void> check_refcounts(uint64_t disk_clusters);

    struct Cluster {
        uint64_t offset;
        bool zeroed;
    };
    // ENOSPC at the end of what the refcounts can count.
    Result<Cluster, Errno> allocate();
    // The room goes back to the host, if it takes it.
    DiskResult release(uint64_t offset);

private:
    Qcow2Clusters(ImageFile& file, Qcow2Header const& header) : file_(&file), header_(&header) {}
    Result<void> claim_range(uint64_t offset, uint64_t bytes);
    Result<void> check_block(uint64_t block);
    Result<void> check_missing_block(uint64_t block);
    Result<void> check_count(uint64_t index, uint16_t count);
    uint64_t find_free();
    DiskResult make_block(uint64_t block, uint64_t index);
    DiskResult set_refcount(uint64_t index, uint16_t count);

    ImageFile* file_;
    Qcow2Header const* header_;
    std::vector<uint64_t> table_;  // offsets of the blocks of refcounts; 0: a block of zeros
    std::vector<bool> used_;       // by index of the cluster in the file
    uint64_t maybe_free_ = 0;      // no cluster before it is free
};

}  // namespace krun::vmm
