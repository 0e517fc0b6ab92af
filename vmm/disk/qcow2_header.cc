// SPDX-License-Identifier: Apache-2.0
#include "vmm/disk/qcow2_header.h"

#include <array>
#include <cstring>
#include <string>

namespace krun::vmm {
namespace {

constexpr size_t kHeaderBytes = 104;                  // of version 3 without its later fields
constexpr size_t kMostBytes = 112;                    // with those that are known
constexpr uint32_t kMagic = 0x514649fb;               // "QFI\xfb"
constexpr uint64_t kMaxL1Bytes = uint64_t{32} << 20;  // QEMU's limits
constexpr uint64_t kMaxRefcountTableBytes = uint64_t{8} << 20;

// Incompatible features.
constexpr uint64_t kDirty = 1;
constexpr uint64_t kCorrupt = 2;
constexpr uint64_t kExternalData = 4;
constexpr uint64_t kCompressionType = 8;
constexpr uint64_t kExtendedL2 = 16;

enum Compression : uint8_t { kDeflate = 0, kZstd = 1 };

template <class T>
T big_endian(std::span<std::byte const> bytes, size_t offset) {
    T value = 0;
    for (size_t i = 0; i < sizeof(T); ++i)
        value = static_cast<T>(value << 8 | std::to_integer<T>(bytes[offset + i]));
    return value;
}

Failure<Error> refused(std::string why) {
    return fail(Error(Errc::kUnsupported, std::move(why)));
}
Failure<Error> damaged(char const* what) {
    return fail(Error(Errc::kInvalidConfig, std::string("the qcow2 image is damaged: ") + what));
}

// Version 2 has none of these fields.
struct Extras {
    uint64_t incompatible = 0;
    uint64_t autoclear = 0;
    uint32_t refcount_order = 4;
    uint8_t compression = kDeflate;
};

Result<void> check_features(Extras const& extras, bool read_only) {
    if ((extras.incompatible & kExternalData) != 0) return refused("external data files are not supported");
    if ((extras.incompatible & kExtendedL2) != 0) return refused("extended L2 entries are not supported");
    if (extras.compression != kDeflate && extras.compression != kZstd)
        return refused("its compression type is not supported");
    if ((extras.incompatible & ~(kDirty | kCorrupt | kCompressionType)) != 0)
        return refused("it has unknown incompatible features");
    if ((extras.incompatible & kCorrupt) != 0) return damaged("it is marked as corrupt");
    if (extras.refcount_order != 4) return refused("refcounts of other than 16 bits are not supported");
    if (read_only) return {};
    if ((extras.incompatible & kDirty) != 0)
        return refused("it was not closed properly: run `qemu-img check -r all` before it is written");
    if (extras.autoclear != 0) return refused("writing it would make its bitmaps wrong");
    return {};
}

Result<void> check_geometry(Qcow2Header const& h) {
    if (h.cluster_bits < 9 || h.cluster_bits > 21) return damaged("its clusters are not 512 bytes to 2 MiB");
    if (h.size_bytes == 0 || h.size_bytes % kSectorBytes != 0 || h.size_bytes > INT64_MAX)
        return damaged("the disk is not whole sectors");
    if (h.l1_entries > kMaxL1Bytes / sizeof(uint64_t)) return damaged("its L1 table is too large");
    uint64_t const disk_clusters = (h.size_bytes - 1) / h.cluster_bytes() + 1;
    if (h.l1_entries < (disk_clusters - 1) / h.entries_per_table() + 1)
        return damaged("its L1 table is too small for the disk");
    uint64_t const table_bytes = uint64_t{h.refcount_table_clusters} << h.cluster_bits;
    if (table_bytes == 0 || table_bytes > kMaxRefcountTableBytes)
        return damaged("its refcount table has no possible size");
    return {};
}

Result<Extras> read_extras(std::span<std::byte const> bytes, uint32_t version) {
    Extras extras;
    if (version == 2) return extras;
    extras.incompatible = big_endian<uint64_t>(bytes, 72);
    extras.autoclear = big_endian<uint64_t>(bytes, 88);
    extras.refcount_order = big_endian<uint32_t>(bytes, 96);
    auto const header_bytes = big_endian<uint32_t>(bytes, 100);
    bool const has_type = (extras.incompatible & kCompressionType) != 0;
    if (header_bytes < (has_type ? kMostBytes : kHeaderBytes)) return damaged("its header is too short");
    if (has_type) extras.compression = std::to_integer<uint8_t>(bytes[104]);
    return extras;
}

}  // namespace

Result<Qcow2Header> read_qcow2_header(ImageFile& file) {
    std::array<std::byte, kMostBytes> bytes;
    if (auto r = file.read(0, bytes); !r.ok())
        return fail(Error(Errc::kSystem, "read the qcow2 header", r.error().value));
    if (big_endian<uint32_t>(bytes, 0) != kMagic)
        return fail(Error(Errc::kInvalidConfig, "it is no qcow2 image"));
    Qcow2Header h;
    h.version = big_endian<uint32_t>(bytes, 4);
    h.cluster_bits = big_endian<uint32_t>(bytes, 20);
    h.size_bytes = big_endian<uint64_t>(bytes, 24);
    h.l1_entries = big_endian<uint32_t>(bytes, 36);
    h.l1_offset = big_endian<uint64_t>(bytes, 40);
    h.refcount_table_offset = big_endian<uint64_t>(bytes, 48);
    h.refcount_table_clusters = big_endian<uint32_t>(bytes, 56);
    if (h.version != 2 && h.version != 3)
        return refused("qcow2 version " + std::to_string(h.version) + " is not supported");
    if (big_endian<uint64_t>(bytes, 8) != 0) return refused("backing files are not supported");
    if (big_endian<uint32_t>(bytes, 32) != 0) return refused("encryption is not supported");
    auto const extras = TRY(read_extras(bytes, h.version));
    TRY(check_features(extras, file.read_only()));
    if (!file.read_only() && big_endian<uint32_t>(bytes, 60) != 0)
        return refused("an image with internal snapshots can only be read");
    h.zstd = extras.compression == kZstd;
    TRY(check_geometry(h));
    return h;
}

Result<std::vector<uint64_t>, Errno> read_qcow2_table(ImageFile& file, uint64_t at, uint64_t entries) {
    std::vector<uint64_t> table(entries);
    TRY(file.read(at, std::as_writable_bytes(std::span(table))));
    for (auto& entry : table) entry = __builtin_bswap64(entry);
    return table;
}

DiskResult write_qcow2_entry(ImageFile& file, uint64_t at, uint64_t entry) {
    uint64_t const stored = __builtin_bswap64(entry);
    return file.write(at, std::as_bytes(std::span(&stored, 1)));
}

}  // namespace krun::vmm
