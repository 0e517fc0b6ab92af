// SPDX-License-Identifier: Apache-2.0
#include "vmm/disk/qcow2_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "vmm/device/iovec_slice.h"

namespace krun::vmm {
namespace {

constexpr uint64_t kOffsetMask = 0x00fffffffffffe00;
constexpr uint64_t kCopied = uint64_t{1} << 63;  // used once: may be written in place
constexpr uint64_t kCompressed = uint64_t{1} << 62;
constexpr uint64_t kReadsAsZeros = 1;  // version 3; whatever the offset says

// Each is as large as a cluster: 16 of the usual size are a MiB, and enough for 8 GiB of disk.
constexpr size_t kCachedTables = 16;

Failure<Error> damaged(char const* what) {
    return fail(Error(Errc::kInvalidConfig, std::string("the qcow2 image is damaged: ") + what));
}

uint64_t bytes_of(std::span<iovec const> parts) {
    uint64_t sum = 0;
    for (auto const& part : parts) sum += part.iov_len;
    return sum;
}

}  // namespace

Result<std::unique_ptr<Disk>> Qcow2Disk::make(ImageFile file) {
    auto const header = TRY(read_qcow2_header(file));
    std::unique_ptr<Qcow2Disk> disk(new Qcow2Disk(std::move(file), header));
    TRY(disk->load());
    return std::unique_ptr<Disk>(std::move(disk));
}

Result<void> Qcow2Disk::load() {
    uint64_t const l1_bytes = header_.l1_entries * sizeof(uint64_t);
    if (header_.l1_offset > file_.size_bytes() || l1_bytes > file_.size_bytes() - header_.l1_offset)
        return damaged("its L1 table ends after the file");
    auto l1 = read_qcow2_table(file_, header_.l1_offset, header_.l1_entries);
    if (!l1.ok()) return fail(Error(Errc::kSystem, "read the L1 table", l1.error().value));
    l1_ = std::move(l1).value();
    clusters_ = TRY(Qcow2Clusters::make(file_, header_, l1_));
    TRY(claim_all());
    if (read_only()) return {};
    return clusters_->check_refcounts((header_.size_bytes - 1) / header_.cluster_bytes() + 1);
}

Result<void> Qcow2Disk::claim_all() {
    for (auto& entry : l1_) {
        if ((entry & ~(kOffsetMask | kCopied)) != 0) return damaged("its L1 table has reserved bits");
        entry &= kOffsetMask;
        if (entry == 0) continue;
        TRY(clusters_->claim(entry));
        auto const l2 = read_qcow2_table(file_, entry, header_.entries_per_table());
        if (!l2.ok()) return fail(Error(Errc::kSystem, "read an L2 table", l2.error().value));
        TRY(check_l2(l2.value()));
    }
    return {};
}

Result<void> Qcow2Disk::check_l2(std::vector<uint64_t> const& entries) {
    uint64_t const flags = header_.version == 2 ? kCopied : kCopied | kReadsAsZeros;
    for (auto const entry : entries) {
        if ((entry & kCompressed) != 0) {
            TRY(check_packed(entry));
            continue;
        }
        if ((entry & ~(kOffsetMask | flags)) != 0) return damaged("an L2 table has reserved bits");
        if ((entry & kOffsetMask) != 0) TRY(clusters_->claim(entry & kOffsetMask));
    }
    return {};
}

// Several of them share a cluster of the file, which could not be given back with the first of them.
Result<void> Qcow2Disk::check_packed(uint64_t l2_entry) const {
    if (!read_only())
        return fail(Error(Errc::kUnsupported, "an image with compressed clusters can only be read"));
    if ((l2_entry & kCopied) != 0) return damaged("an L2 table has reserved bits");
    if (!packed_.is_inside(l2_entry)) return damaged("a compressed cluster begins after the file");
    return {};
}

// 0: it reads as zeros. A compressed one lies nowhere that a run could go on to.
uint64_t Qcow2Disk::data_offset(uint64_t l2_entry) const {
    if ((l2_entry & kCompressed) != 0) return UINT64_MAX;
    return (l2_entry & kReadsAsZeros) != 0 ? 0 : l2_entry & kOffsetMask;
}

// Null where the disk has none. Valid until the next call.
Result<Qcow2Disk::L2Table*, Errno> Qcow2Disk::find_table(uint64_t at) {
    uint64_t const index = l1_index(at);
    for (auto& table : tables_) {
        if (table.l1_index != index) continue;
        table.last_use = ++uses_;
        return &table;
    }
    if (l1_[index] == 0) return static_cast<L2Table*>(nullptr);
    auto entries = TRY(read_qcow2_table(file_, l1_[index], header_.entries_per_table()));
    return &cache(index, std::move(entries));
}

Qcow2Disk::L2Table& Qcow2Disk::cache(uint64_t l1_index, std::vector<uint64_t> entries) {
    L2Table table{l1_index, ++uses_, std::move(entries)};
    if (tables_.size() < kCachedTables) return tables_.emplace_back(std::move(table));
    auto const oldest =
        std::min_element(tables_.begin(), tables_.end(),
                         [](L2Table const& a, L2Table const& b) { return a.last_use < b.last_use; });
    return *oldest = std::move(table);
}

// A new table is whole before the L1 table knows it.
Result<Qcow2Disk::L2Table*, Errno> Qcow2Disk::find_or_make_table(uint64_t at) {
    auto* const found = TRY(find_table(at));
    if (found != nullptr) return found;
    uint64_t const index = l1_index(at);
    auto const cluster = TRY(clusters_->allocate());
    if (!cluster.zeroed) TRY(file_.write_zeroes(cluster.offset, header_.cluster_bytes()));
    TRY(write_qcow2_entry(file_, header_.l1_offset + index * sizeof(uint64_t), cluster.offset | kCopied));
    l1_[index] = cluster.offset;
    return &cache(index, std::vector<uint64_t>(header_.entries_per_table()));
}

DiskResult Qcow2Disk::set_entry(L2Table& table, uint64_t at, uint64_t entry) {
    uint64_t const index = l2_index(at);
    TRY(write_qcow2_entry(file_, l1_[table.l1_index] + index * sizeof(uint64_t), entry));
    table.entries[index] = entry;
    return {};
}

Result<Qcow2Disk::Run, Errno> Qcow2Disk::find_run(uint64_t at, uint64_t len) {
    auto const* const table = TRY(find_table(at));
    uint64_t const cluster = header_.cluster_bytes();
    uint64_t index = l2_index(at);
    uint64_t run = cluster - inside_cluster(at);
    if (table == nullptr) {
        run += (header_.entries_per_table() - 1 - index) * cluster;
        return Run{0, std::min(run, len)};
    }
    if (uint64_t const entry = table->entries[index]; (entry & kCompressed) != 0)
        return Run{0, std::min(run, len), entry};
    uint64_t const first = data_offset(table->entries[index]);
    for (uint64_t next = first; run < len && ++index < table->entries.size(); run += cluster) {
        next += first == 0 ? 0 : cluster;
        if (data_offset(table->entries[index]) != next) break;
    }
    return Run{first == 0 ? 0 : first + inside_cluster(at), std::min(run, len)};
}

DiskResult Qcow2Disk::read(uint64_t at, std::span<iovec const> into) {
    uint64_t const total = bytes_of(into);
    for (uint64_t done = 0; done < total;) {
        auto const run = TRY(find_run(at + done, total - done));
        slice_iovecs(into, done, run.len, part_);
        if (run.packed != 0)
            TRY(read_packed(run.packed, inside_cluster(at + done)));
        else if (run.offset == 0)
            fill_with_zeros(part_);
        else
            TRY(file_.read(run.offset, part_));
        done += run.len;
    }
    return {};
}

// Into part_, from byte `begin` of the cluster on.
DiskResult Qcow2Disk::read_packed(uint64_t l2_entry, uint64_t begin) {
    auto from = TRY(packed_.unpack(l2_entry))
    .subspan(begin);
    for (auto const& part : part_) {
        std::memcpy(part.iov_base, from.data(), part.iov_len);
        from = from.subspan(part.iov_len);
    }
    return {};
}

DiskResult Qcow2Disk::write(uint64_t at, std::span<iovec const> from) {
    uint64_t const total = bytes_of(from);
    for (uint64_t done = 0; done < total;) {
        auto run = TRY(find_run(at + done, total - done));
        if (run.offset == 0) run.len = std::min(run.len, header_.cluster_bytes() - inside_cluster(at + done));
        slice_iovecs(from, done, run.len, part_);
        if (run.offset == 0)
            TRY(write_new_cluster(at + done, part_, run.len));
        else
            TRY(file_.write(run.offset, part_));
        done += run.len;
    }
    return {};
}

// What the cluster held for somebody else before must not be seen: all around the `len` bytes is zero. The
// table learns of it last.
DiskResult Qcow2Disk::write_new_cluster(uint64_t at, std::span<iovec const> from, uint64_t len) {
    auto* const table = TRY(find_or_make_table(at));
    Qcow2Clusters::Cluster cluster{table->entries[l2_index(at)] & kOffsetMask, false};
    if (cluster.offset == 0) cluster = TRY(clusters_->allocate());
    uint64_t const begin = inside_cluster(at);
    if (!cluster.zeroed) {
        TRY(file_.write_zeroes(cluster.offset, begin));
        TRY(file_.write_zeroes(cluster.offset + begin + len, header_.cluster_bytes() - begin - len));
    }
    TRY(file_.write(cluster.offset + begin, from));
    return set_entry(*table, at, cluster.offset | kCopied);
}

// The table forgets it first: a cluster that is free and still in a table would be two things at once.
DiskResult Qcow2Disk::drop_cluster(uint64_t at) {
    auto* const table = TRY(find_table(at));
    if (table == nullptr) return {};
    uint64_t const entry = table->entries[l2_index(at)];
    if (entry == 0) return {};
    TRY(set_entry(*table, at, 0));
    return (entry & kOffsetMask) != 0 ? clusters_->release(entry & kOffsetMask) : DiskResult{};
}

// The last cluster may be longer than the disk.
uint64_t Qcow2Disk::whole_clusters_end(uint64_t at, uint64_t len) const {
    uint64_t const end = at + len;
    return end == header_.size_bytes ? end : end - inside_cluster(end);
}

DiskResult Qcow2Disk::discard(uint64_t at, uint64_t len) {
    uint64_t const cluster = header_.cluster_bytes();
    uint64_t const end = whole_clusters_end(at, len);
    uint64_t const begin = inside_cluster(at) == 0 ? at : at - inside_cluster(at) + cluster;
    for (uint64_t next = begin; next < end; next += cluster) TRY(drop_cluster(next));
    return {};
}

DiskResult Qcow2Disk::write_zeroes(uint64_t at, uint64_t len, bool may_unmap) {
    if (may_unmap) TRY(discard(at, len));
    for (uint64_t done = 0; done < len;) {
        auto const run = TRY(find_run(at + done, len - done));
        if (run.offset != 0 && !file_.zero_range(run.offset, run.len).ok())
            TRY(file_.write_zeroes(run.offset, run.len));
        done += run.len;
    }
    return {};
}

}  // namespace krun::vmm
