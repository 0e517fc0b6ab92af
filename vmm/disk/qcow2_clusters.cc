// SPDX-License-Identifier: Apache-2.0
#include "vmm/disk/qcow2_clusters.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/checked.h"

namespace krun::vmm {
namespace {

constexpr uint64_t kBlockOffsetMask = ~uint64_t{511};

Failure<Error> damaged(std::string what) {
    return fail(Error(Errc::kInvalidConfig, "the qcow2 image is damaged: " + std::move(what)));
}

template <class T>
Result<T> told(Result<T, Errno> result, char const* doing) {
    if (!result.ok()) return fail(Error(Errc::kSystem, doing, result.error().value));
    return std::move(result).value();
}
Result<void> told(DiskResult const& result, char const* doing) {
    if (!result.ok()) return fail(Error(Errc::kSystem, doing, result.error().value));
    return {};
}

}  // namespace

Result<Qcow2Clusters> Qcow2Clusters::make(ImageFile& file, Qcow2Header const& header,
                                          std::vector<uint64_t> const& l1) {
    uint64_t const bytes = header.cluster_bytes();
    uint64_t const clusters = file.size_bytes() / bytes + (file.size_bytes() % bytes != 0 ? 1 : 0);
    if (clusters > kMaxClusters)
        return fail(Error(Errc::kUnsupported, "an image of more than " + std::to_string(kMaxClusters) +
                                                  " clusters is not supported"));
    Qcow2Clusters out(file, header);
    out.used_.resize(clusters);
    TRY(out.claim(0));
    TRY(out.claim_range(header.l1_offset, l1.size() * sizeof(uint64_t)));
    uint64_t const table_bytes = header.refcount_table_clusters * bytes;
    TRY(out.claim_range(header.refcount_table_offset, table_bytes));
    if (file.read_only()) return out;  // nobody will ask
    out.table_ =
        TRY(told(read_qcow2_table(file, header.refcount_table_offset, table_bytes / sizeof(uint64_t)),
                 "read the refcount table"));
    for (auto const entry : out.table_) {
        if ((entry & ~kBlockOffsetMask) != 0) return damaged("its refcount table has reserved bits");
        if (entry != 0) TRY(out.claim(entry));
    }
    return out;
}

Result<void> Qcow2Clusters::claim(uint64_t offset) {
    uint64_t const index = offset >> header_->cluster_bits;
    if (offset % header_->cluster_bytes() != 0 || index >= used_.size())
        return damaged("offset " + std::to_string(offset) + " is no cluster of the file");
    if (used_[index] && !file_->read_only())
        return damaged("the cluster at " + std::to_string(offset) + " is used twice");
    used_[index] = true;
    return {};
}

Result<void> Qcow2Clusters::claim_range(uint64_t offset, uint64_t bytes) {
    uint64_t const step = header_->cluster_bytes();
    for (uint64_t done = 0; done < bytes; done += step) {
        auto const at = checked_add(offset, done);
        if (!at) return damaged("a table ends after the file");
        TRY(claim(*at));
    }
    return {};
}

Result<void> Qcow2Clusters::check_refcounts(uint64_t disk_clusters) {
    uint64_t const per_block = header_->refcounts_per_block();
    for (uint64_t block = 0; block * per_block < used_.size() || block < table_.size(); ++block)
        TRY(block < table_.size() && table_[block] != 0 ? check_block(block) : check_missing_block(block));
    // Everything the guest can make it grow to: data, L2 tables, blocks of refcounts.
    uint64_t const new_ones = disk_clusters + disk_clusters / header_->entries_per_table() + 1;
    uint64_t const all = used_.size() + new_ones + (used_.size() + new_ones) / per_block + 2;
    if (all > table_.size() * per_block)
        return fail(
            Error(Errc::kUnsupported,
                  "its refcount table has no room for the whole disk: convert it to larger clusters"));
    return {};
}

Result<void> Qcow2Clusters::check_block(uint64_t block) {
    uint64_t const begin = block * header_->refcounts_per_block();
    std::vector<uint16_t> counts(header_->refcounts_per_block());
    TRY(told(file_->read(table_[block], std::as_writable_bytes(std::span(counts))), "read refcounts"));
    for (uint64_t i = 0; i < counts.size(); ++i) TRY(check_count(begin + i, __builtin_bswap16(counts[i])));
    return {};
}

// Nothing is counted there.
Result<void> Qcow2Clusters::check_missing_block(uint64_t block) {
    uint64_t const begin = block * header_->refcounts_per_block();
    uint64_t const end = std::min<uint64_t>(begin + header_->refcounts_per_block(), used_.size());
    for (uint64_t index = begin; index < end; ++index) TRY(check_count(index, 0));
    return {};
}

Result<void> Qcow2Clusters::check_count(uint64_t index, uint16_t count) {
    bool const used = index < used_.size() && used_[index];
    if (used && count != 1)
        return damaged("a cluster in use is counted " + std::to_string(count) +
                       " times: run `qemu-img check -r all`");
    if (used || count == 0) return {};
    if (index >= kMaxClusters) return damaged("refcounts far behind the file's end");
    if (index >= used_.size()) used_.resize(index + 1);
    used_[index] = true;
    return {};
}

uint64_t Qcow2Clusters::find_free() {
    while (maybe_free_ < used_.size() && used_[maybe_free_]) ++maybe_free_;
    if (maybe_free_ == used_.size()) used_.push_back(false);
    return maybe_free_;
}

Result<Qcow2Clusters::Cluster, Errno> Qcow2Clusters::allocate() {
    while (true) {
        uint64_t const index = find_free();
        uint64_t const block = index / header_->refcounts_per_block();
        if (block >= table_.size() || index >= kMaxClusters) return fail(Errno{ENOSPC});
        if (table_[block] == 0) {
            TRY(make_block(block, index));
            continue;
        }
        uint64_t const offset = index << header_->cluster_bits;
        bool const zeroed = offset >= file_->size_bytes();
        TRY(file_->grow(offset + header_->cluster_bytes()));
        TRY(set_refcount(index, 1));
        used_[index] = true;
        return Cluster{offset, zeroed};
    }
}

// A block of refcounts in the first cluster that it counts itself. It is whole before the table knows it.
DiskResult Qcow2Clusters::make_block(uint64_t block, uint64_t index) {
    uint64_t const offset = index << header_->cluster_bits;
    TRY(file_->write_zeroes(offset, header_->cluster_bytes()));
    table_[block] = offset;
    if (auto counted = set_refcount(index, 1); !counted.ok()) {
        table_[block] = 0;
        return counted;
    }
    used_[index] = true;
    return write_qcow2_entry(*file_, header_->refcount_table_offset + block * sizeof(uint64_t), offset);
}

DiskResult Qcow2Clusters::set_refcount(uint64_t index, uint16_t count) {
    uint64_t const per_block = header_->refcounts_per_block();
    uint16_t const stored = __builtin_bswap16(count);
    return file_->write(table_[index / per_block] + index % per_block * sizeof stored,
                        std::as_bytes(std::span(&stored, 1)));
}

DiskResult Qcow2Clusters::release(uint64_t offset) {
    uint64_t const index = offset >> header_->cluster_bits;
    TRY(set_refcount(index, 0));
    used_[index] = false;
    maybe_free_ = std::min(maybe_free_, index);
    ignore(file_->punch_hole(offset, header_->cluster_bytes()),
           "the room is free for the image all the same");
    return {};
}

}  // namespace krun::vmm
