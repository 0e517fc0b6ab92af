// SPDX-License-Identifier: Apache-2.0
// Archives made in a test: well-formed ones by libarchive's writer, and headers by hand for what it would not
// write.
#pragma once
#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "config-gen/image/byte_source.h"

namespace krun::image::test {

// A text as a source, in pieces: nothing may depend on where they end.
class TextSource final : public ByteSource {
public:
    explicit TextSource(std::string_view text, size_t piece = 4096) : left_(text), piece_(piece) {}
    Result<Bytes> next() override {
        auto const now = left_.substr(0, piece_);
        left_.remove_prefix(now.size());
        return std::as_bytes(std::span(now));
    }

private:
    std::string_view left_;
    size_t piece_;
};

enum class Compression { kNone, kGzip, kXz, kZstd };
inline void PrintTo(Compression compression, std::ostream* out) {
    static constexpr char const* kNames[] = {"None", "Gzip", "Xz", "Zstd"};
    *out << kNames[static_cast<size_t>(compression)];
}

inline std::string finish_archive(archive* out, std::function<void(archive*)> const& fill) {
    std::string bytes;
    auto const write = [](archive*, void* to, void const* data, size_t len) -> la_ssize_t {
        static_cast<std::string*>(to)->append(static_cast<char const*>(data), len);
        return static_cast<la_ssize_t>(len);
    };
    ::archive_write_set_bytes_in_last_block(out, 1);
    KRUN_CHECK(::archive_write_open(out, &bytes, nullptr, write, nullptr) == ARCHIVE_OK, "open");
    fill(out);
    KRUN_CHECK(::archive_write_close(out) == ARCHIVE_OK, "close");
    ::archive_write_free(out);
    return bytes;
}

inline std::string compressed(std::string const& content, Compression compression) {
    if (compression == Compression::kNone) return content;
    archive* const out = ::archive_write_new();
    if (compression == Compression::kGzip) ::archive_write_add_filter_gzip(out);
    if (compression == Compression::kXz) ::archive_write_add_filter_xz(out);
    if (compression == Compression::kZstd) ::archive_write_add_filter_zstd(out);
    ::archive_write_set_format_raw(out);
    return finish_archive(out, [&](archive* a) {
        archive_entry* const entry = ::archive_entry_new();
        ::archive_entry_set_filetype(entry, AE_IFREG);
        ::archive_write_header(a, entry);
        ::archive_write_data(a, content.data(), content.size());
        ::archive_entry_free(entry);
    });
}

class TarBuilder {
public:
    // The last one added, to be changed.
    struct Member {
        std::string path;
        mode_t type = AE_IFREG;
        mode_t mode = 0644;
        std::string content = {};
        std::string target = {};
        bool hard = false;
        uint32_t uid = 0;
        uint32_t gid = 0;
        int64_t mtime = 1000;
        int64_t sparse_bytes = 0;  // a hole of that size, and behind it the content
        std::vector<std::pair<std::string, std::string>> xattrs = {};
    };

    TarBuilder& add(Member member) {
        members_.push_back(std::move(member));
        return *this;
    }
    TarBuilder& file(std::string path, std::string content = "text", mode_t mode = 0644) {
        return add({.path = std::move(path), .mode = mode, .content = std::move(content)});
    }
    TarBuilder& dir(std::string path, mode_t mode = 0755) {
        return add({.path = std::move(path), .type = AE_IFDIR, .mode = mode});
    }
    TarBuilder& symlink(std::string path, std::string target) {
        return add({.path = std::move(path), .type = AE_IFLNK, .mode = 0777, .target = std::move(target)});
    }
    TarBuilder& hard_link(std::string path, std::string target) {
        return add({.path = std::move(path), .target = std::move(target), .hard = true});
    }
    TarBuilder& node(std::string path, mode_t type) { return add({.path = std::move(path), .type = type}); }
    TarBuilder& whiteout(std::string path) { return file(std::move(path), ""); }
    Member& last() { return members_.back(); }

    std::string build() const {
        archive* const out = ::archive_write_new();
        ::archive_write_set_format_pax(out);
        return finish_archive(out, [&](archive* a) {
            for (auto const& member : members_) write(a, member);
        });
    }

private:
    static void write(archive* out, Member const& m) {
        archive_entry* const entry = ::archive_entry_new();
        ::archive_entry_set_pathname(entry, m.path.c_str());
        ::archive_entry_set_filetype(entry, m.type);
        ::archive_entry_set_perm(entry, m.mode);
        ::archive_entry_set_uid(entry, m.uid);
        ::archive_entry_set_gid(entry, m.gid);
        ::archive_entry_set_mtime(entry, m.mtime, 0);
        ::archive_entry_set_size(entry, m.sparse_bytes + static_cast<int64_t>(m.content.size()));
        if (m.hard) ::archive_entry_set_hardlink(entry, m.target.c_str());
        if (m.type == AE_IFLNK) ::archive_entry_set_symlink(entry, m.target.c_str());
        if (m.type == AE_IFCHR || m.type == AE_IFBLK) ::archive_entry_set_rdev(entry, 0x103);
        for (auto const& [name, value] : m.xattrs)
            ::archive_entry_xattr_add_entry(entry, name.c_str(), value.data(), value.size());
        if (m.sparse_bytes > 0)
            ::archive_entry_sparse_add_entry(entry, m.sparse_bytes, static_cast<int64_t>(m.content.size()));
        KRUN_CHECK(::archive_write_header(out, entry) == ARCHIVE_OK, ::archive_error_string(out));
        std::string const hole(static_cast<size_t>(m.sparse_bytes), '\0');
        ::archive_write_data(out, hole.data(), hole.size());
        ::archive_write_data(out, m.content.data(), m.content.size());
        ::archive_entry_free(entry);
    }

    std::vector<Member> members_;
};

// ---- By hand: pax(1), ustar Interchange Format. ----

inline constexpr size_t kTarBlock = 512;

inline std::string padded(std::string text) {
    text.resize((text.size() + kTarBlock - 1) / kTarBlock * kTarBlock, '\0');
    return text;
}

struct RawHeader {
    std::string path;
    char type = '0';
    std::string size = "00000000000";  // as it stands in the field, 12 bytes at most
    std::string target;
};

inline std::string raw_header(RawHeader const& h) {
    std::string block(kTarBlock, '\0');
    auto const put = [&](size_t at, std::string_view text) {
        std::copy(text.begin(), text.end(), block.begin() + static_cast<ptrdiff_t>(at));
    };
    put(0, h.path.substr(0, 100));
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, h.size);
    put(136, "00000001750");
    put(148, "        ");
    block[156] = h.type;
    put(157, h.target);
    put(257, std::string_view("ustar\00000", 8));
    unsigned sum = 0;
    for (char const c : block) sum += static_cast<unsigned char>(c);
    char text[8];
    std::snprintf(text, sizeof text, "%06o", sum);
    put(148, std::string_view(text, 7));
    return block;
}

inline std::string octal(uint64_t size) {
    char text[16];
    std::snprintf(text, sizeof text, "%011llo", static_cast<unsigned long long>(size));
    return text;
}

// "LENGTH KEY=VALUE\n", where the length counts itself.
inline std::string pax_record(std::string const& key, std::string const& value) {
    size_t const rest = key.size() + value.size() + 3;
    size_t len = rest + std::to_string(rest).size();
    if (std::to_string(len).size() + rest != len) len = std::to_string(len).size() + rest;
    return std::to_string(len) + " " + key + "=" + value + "\n";
}

inline std::string pax_header(std::string const& records) {
    return raw_header({"PaxHeaders/x", 'x', octal(records.size()), {}}) + padded(records);
}

inline std::string end_of_archive() {
    return std::string(2 * kTarBlock, '\0');
}

}  // namespace krun::image::test
