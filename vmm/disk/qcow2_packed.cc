// SPDX-License-Identifier: Apache-2.0
#include "vmm/disk/qcow2_packed.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace krun::vmm {
namespace {

constexpr uint64_t kSector = 512;
constexpr int kWindowBits = -12;  // raw deflate, as QEMU's block/qcow2-threads.c writes it

// Each fills `to`, or says that it cannot. What is behind the packed cluster is not looked at.
bool inflate_all(std::span<std::byte> from, std::span<std::byte> to) {
    z_stream stream{};
    if (::inflateInit2(&stream, kWindowBits) != Z_OK) return false;
    stream.next_in = reinterpret_cast<Bytef*>(from.data());
    stream.avail_in = static_cast<uInt>(from.size());
    stream.next_out = reinterpret_cast<Bytef*>(to.data());
    stream.avail_out = static_cast<uInt>(to.size());
    int const end = ::inflate(&stream, Z_FINISH);
    bool const whole = stream.avail_out == 0 && (end == Z_STREAM_END || end == Z_BUF_ERROR);
    ::inflateEnd(&stream);
    return whole;
}

bool decompress_all(std::span<std::byte const> from, std::span<std::byte> to) {
    std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> const stream(::ZSTD_createDStream(),
                                                                          ::ZSTD_freeDStream);
    if (!stream) return false;
    ZSTD_inBuffer in{from.data(), from.size(), 0};
    ZSTD_outBuffer out{to.data(), to.size(), 0};
    while (out.pos < out.size) {
        auto const before = in.pos + out.pos;
        auto const left = ::ZSTD_decompressStream(stream.get(), &out, &in);
        if (::ZSTD_isError(left) != 0 || in.pos + out.pos == before) return false;
    }
    return true;
}

}  // namespace

// The offset has as many bits as are left by the number of sectors after the first, of which a cluster's
// worth and one can be told.
Qcow2Packed::Place Qcow2Packed::place(uint64_t l2_entry) const {
    uint32_t const offset_bits = 62 - (header_.cluster_bits - 8);
    uint64_t const offset = l2_entry & ((uint64_t{1} << offset_bits) - 1);
    uint64_t const more_sectors = (l2_entry & ((uint64_t{1} << 62) - 1)) >> offset_bits;
    return {offset, (more_sectors + 1) * kSector - offset % kSector};
}

Result<std::span<std::byte const>, Errno> Qcow2Packed::unpack(uint64_t l2_entry) {
    if (unpacked_ == l2_entry) return std::span<std::byte const>(cluster_);
    auto const [offset, len] = place(l2_entry);
    if (offset >= file_.size_bytes()) return fail(Errno{EIO});
    packed_.resize(std::min(len, file_.size_bytes() - offset));
    TRY(file_.read(offset, packed_));
    cluster_.resize(header_.cluster_bytes());
    unpacked_ = 0;
    bool const whole = header_.zstd ? decompress_all(packed_, cluster_) : inflate_all(packed_, cluster_);
    if (!whole) return fail(Errno{EIO});
    unpacked_ = l2_entry;
    return std::span<std::byte const>(cluster_);
}

}  // namespace krun::vmm
