// SPDX-License-Identifier: Apache-2.0
// Texts packed with gzip and zstd.
#pragma once
#include <zlib.h>
#include <zstd.h>

#include <cstdlib>
#include <string>

namespace krun::test {

inline std::string gzip(std::string const& plain) {
    z_stream stream{};
    if (::deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) std::abort();
    std::string out(::deflateBound(&stream, plain.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
    stream.avail_in = static_cast<uInt>(plain.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    if (::deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
    out.resize(stream.total_out);
    ::deflateEnd(&stream);
    return out;
}

inline std::string zstd(std::string const& plain) {
    std::string out(::ZSTD_compressBound(plain.size()), '\0');
    out.resize(::ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
    return out;
}

}  // namespace krun::test
