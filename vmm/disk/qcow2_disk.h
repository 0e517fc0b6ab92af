// SPDX-License-Identifier: Apache-2.0
// A disk in a qcow2 image (QEMU docs/interop/qcow2.txt). All of its metadata is walked and proved when it is
// opened: every cluster lies in the file and is used once. So nothing that the guest writes can reach
// metadata, and what is found wrong is found before the machine boots. Afterwards the file is right after
// each request.
#pragma once
#include <memory>
#include <vector>

#include "vmm/disk/disk.h"
#include "vmm/disk/image_file.h"
#include "vmm/disk/qcow2_clusters.h"
#include "vmm/disk/qcow2_header.h"
#include "vmm/disk/qcow2_packed.h"

namespace krun::vmm {

class Qcow2Disk final : public Disk {
public:
    // Refuses what qcow2_header.h lists, compressed clusters in an image that is to be written, and whatever
    // contradicts itself.
    static Result<std::unique_ptr<Disk>> make(ImageFile file);

    uint64_t size_bytes() const override { return header_.size_bytes; }
    bool read_only() const override { return file_.read_only(); }
    uint64_t discard_granularity() const override { return header_.cluster_bytes(); }
    DiskResult read(uint64_t at, std::span<iovec const> into) override;
    DiskResult write(uint64_t at, std::span<iovec const> from) override;
    DiskResult flush() override { return file_.sync(); }
    DiskResult discard(uint64_t at, uint64_t len) override;
    DiskResult write_zeroes(uint64_t at, uint64_t len, bool may_unmap) override;

private:
    struct L2Table {
        uint64_t l1_index;
        uint64_t last_use;
        std::vector<uint64_t> entries;
    };
    // Bytes of the disk that lie one after another in the file, or nowhere (offset 0); or in one compressed
    // cluster, whose L2 entry `packed` is then.
    struct Run {
        uint64_t offset;
        uint64_t len;
        uint64_t packed = 0;
    };

    Qcow2Disk(ImageFile file, Qcow2Header header)
        : file_(std::move(file)), header_(header), packed_(file_, header_) {}
    Result<void> load();
    Result<void> claim_all();
    Result<void> check_l2(std::vector<uint64_t> const& entries);
    Result<void> check_packed(uint64_t l2_entry) const;

    uint64_t inside_cluster(uint64_t at) const { return at & (header_.cluster_bytes() - 1); }
    uint64_t l1_index(uint64_t at) const {
        return (at >> header_.cluster_bits) / header_.entries_per_table();
    }
    uint64_t l2_index(uint64_t at) const {
        return (at >> header_.cluster_bits) % header_.entries_per_table();
    }
    uint64_t data_offset(uint64_t l2_entry) const;
    Result<L2Table*, Errno> find_table(uint64_t at);
    Result<L2Table*, Errno> find_or_make_table(uint64_t at);
    L2Table& cache(uint64_t l1_index, std::vector<uint64_t> entries);
    DiskResult set_entry(L2Table& table, uint64_t at, uint64_t entry);
    Result<Run, Errno> find_run(uint64_t at, uint64_t len);
    DiskResult read_packed(uint64_t l2_entry, uint64_t begin);
    DiskResult write_new_cluster(uint64_t at, std::span<iovec const> from, uint64_t len);
    DiskResult drop_cluster(uint64_t at);
    uint64_t whole_clusters_end(uint64_t at, uint64_t len) const;

    ImageFile file_;
    Qcow2Header header_;
    Qcow2Packed packed_;
    std::vector<uint64_t> l1_;
    std::optional<Qcow2Clusters> clusters_;
    std::vector<L2Table> tables_;  // some of them
    uint64_t uses_ = 0;
    std::vector<iovec> part_;  // of the request in hand
};

}  // namespace krun::vmm
