// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/compressed.h"

#include <zlib.h>
#include <zstd.h>

#include <cstring>
#include <memory>
#include <vector>

#include "base/fd.h"

namespace krun::vmm {
namespace {

constexpr size_t kInBytes = size_t{128} << 10;
constexpr size_t kOutBytes = size_t{256} << 10;

// One call takes some of `in` from the front, and tells how much of `out` it filled.
enum class Step { kMore, kEnd, kDamaged };
struct Progress {
    Step step;
    size_t produced;
};

class Gzip {
public:
    Gzip() { ready_ = ::inflateInit2(&stream_, 15 + 16) == Z_OK; }  // 16: a gzip header, and nothing else
    ~Gzip() { ::inflateEnd(&stream_); }
    Gzip(Gzip const&) = delete;
    Gzip& operator=(Gzip const&) = delete;

    Progress advance(std::span<std::byte const>& in, std::span<std::byte> out) {
        if (!ready_) return {Step::kDamaged, 0};
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
        stream_.avail_in = static_cast<uInt>(in.size());
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        stream_.avail_out = static_cast<uInt>(out.size());
        int const status = ::inflate(&stream_, Z_NO_FLUSH);
        in = in.last(stream_.avail_in);
        size_t const produced = out.size() - stream_.avail_out;
        if (status == Z_STREAM_END) return {Step::kEnd, produced};
        return {status == Z_OK || status == Z_BUF_ERROR ? Step::kMore : Step::kDamaged, produced};
    }

private:
    z_stream stream_{};
    bool ready_ = false;
};

class Zstd {
public:
    Progress advance(std::span<std::byte const>& in, std::span<std::byte> out) {
        ZSTD_inBuffer from{in.data(), in.size(), 0};
        ZSTD_outBuffer to{out.data(), out.size(), 0};
        // Its window is at most 128 MiB unless somebody asks for more.
        size_t const left = stream_ ? ::ZSTD_decompressStream(stream_.get(), &to, &from) : 0;
        if (!stream_ || ::ZSTD_isError(left) != 0) return {Step::kDamaged, 0};
        in = in.subspan(from.pos);
        return {left == 0 ? Step::kEnd : Step::kMore, to.pos};
    }

private:
    struct Free {
        void operator()(ZSTD_DStream* stream) const { ::ZSTD_freeDStream(stream); }
    };
    std::unique_ptr<ZSTD_DStream, Free> stream_{::ZSTD_createDStream()};
};

template <class Unpacker>
Result<UniqueFd> unpack(BorrowedFd file) {
    Unpacker unpacker;
    auto out = TRY(make_memfd("kernel", 0));
    std::vector<std::byte> packed(kInBytes), plain(kOutBytes);
    uint64_t offset = 0, total = 0;
    std::span<std::byte const> left;
    while (true) {
        if (left.empty()) {
            size_t const n = TRY(read_some(file, offset, packed));
            left = std::span(packed).first(n);
            offset += n;
        }
        auto const [step, produced] = unpacker.advance(left, plain);
        if (step == Step::kDamaged) return bad_kernel("its packed data is damaged");
        total += produced;
        if (total > kMaxUnpackedBytes) return bad_kernel("it unpacks to more than 256 MiB");
        TRY(write_full(out.borrow(), std::span(plain).first(produced)));
        if (step == Step::kEnd) return out;
        if (produced == 0 && left.empty() && offset >= TRY(size_of(file)))
            return bad_kernel("it ends too early");
    }
}

bool begins_with(KernelHead head, std::initializer_list<uint8_t> magic) {
    return std::memcmp(head.data(), magic.begin(), magic.size()) == 0;
}

}  // namespace

bool is_gzip(KernelHead head) {
    return begins_with(head, {0x1f, 0x8b, 8});
}
bool is_zstd(KernelHead head) {
    return begins_with(head, {0x28, 0xb5, 0x2f, 0xfd});
}

Result<UniqueFd> unpack_gzip(BorrowedFd file) {
    return unpack<Gzip>(file);
}
Result<UniqueFd> unpack_zstd(BorrowedFd file) {
    return unpack<Zstd>(file);
}

std::optional<std::string> gunzip(std::span<std::byte const> packed, size_t max_bytes) {
    Gzip unpacker;
    std::string out(max_bytes, '\0');
    auto const [step, produced] = unpacker.advance(packed, std::as_writable_bytes(std::span(out)));
    if (step != Step::kEnd) return std::nullopt;
    out.resize(produced);
    return out;
}

}  // namespace krun::vmm
