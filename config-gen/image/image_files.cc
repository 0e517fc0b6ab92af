// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/image_files.h"

#include <fcntl.h>

#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "config-gen/image/archive_reader.h"
#include "config-gen/image/beneath.h"
#include "config-gen/image/entry_path.h"
#include "config-gen/image/file_source.h"

namespace krun::image {
namespace {

constexpr ptrdiff_t kMaxSlashes = 2;  // blobs/sha256/DIGEST

Error missing(std::string const& name, Where where = Where::current()) {
    return Error(Errc::kInvalidConfig, "the image lacks its file " + quoted(name), 0, where);
}

class OpenFile final : public ByteSource {
public:
    explicit OpenFile(UniqueFd file) : file_(std::move(file)), source_(file_.borrow()) {}
    Result<Bytes> next() override { return source_.next(); }

private:
    UniqueFd file_;
    FileSource source_;
};

// The content of the entry that a reader stands at.
class MemberSource final : public ByteSource {
public:
    static Result<std::unique_ptr<MemberSource>> open(BorrowedFd archive, uint64_t index) {
        auto file = std::make_unique<FileSource>(archive);
        auto reader = TRY(ArchiveReader::open_tar(*file));
        for (uint64_t i = 0; i <= index; ++i)
            if (!TRY(reader.next_entry()))
                return fail(Error(Errc::kInvalidConfig, "the archive has changed"));
        return std::unique_ptr<MemberSource>(new MemberSource(std::move(file), std::move(reader)));
    }
    Result<Bytes> next() override {
        while (auto const block = TRY(reader_.next_block())) {
            if (block->offset != done_)
                return fail(Error(Errc::kUnsupported, "a sparse file in an image's archive"));
            done_ += block->bytes.size();
            if (!block->bytes.empty()) return block->bytes;
        }
        return Bytes();
    }

private:
    MemberSource(std::unique_ptr<FileSource> file, ArchiveReader reader)
        : file_(std::move(file)), reader_(std::move(reader)) {}
    std::unique_ptr<FileSource> file_;
    ArchiveReader reader_;
    uint64_t done_ = 0;
};

// Where a link leads: a hard link's target is a name of the archive, a symbolic one's is relative to its own
// place.
std::string link_target(std::string const& name, Entry const& entry) {
    std::vector<std::string> parts;
    auto const push = [&](std::string_view text) {
        for (auto const part : split(text, '/')) {
            if (part == ".." && !parts.empty()) parts.pop_back();
            if (!part.empty() && part != "." && part != "..") parts.emplace_back(part);
        }
    };
    bool const relative = entry.type == EntryType::kSymlink && !entry.target.starts_with('/');
    if (relative) push(name.substr(0, name.rfind('/') == name.npos ? 0 : name.rfind('/')));
    push(entry.target);
    return join(parts, "/");
}

bool may_be_a_part(EntryPath const& path, Entry const& entry) {
    bool const kind = entry.type == EntryType::kFile || entry.type == EntryType::kSymlink ||
                      entry.type == EntryType::kHardLink;
    auto const full = path.full();
    return kind && !full.empty() && std::count(full.begin(), full.end(), '/') <= kMaxSlashes;
}

}  // namespace

Result<std::unique_ptr<ByteSource>> DirectoryFiles::open(std::string const& name) {
    auto found = open_beneath(directory_.borrow(), name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!found.ok() && found.error().sys_errno() == ENOENT) return fail(missing(name));
    UniqueFd file = TRY(std::move(found));
    TRY_WITH(expect_regular_file(file.borrow()), quoted(name));
    return std::unique_ptr<ByteSource>(std::make_unique<OpenFile>(std::move(file)));
}

bool DirectoryFiles::has(std::string const& name) {
    return open_beneath(directory_.borrow(), name, O_PATH).ok();
}

Result<std::unique_ptr<ByteSource>> ArchivedFiles::open(std::string const& name) {
    auto found = members_.find(name);
    if (found != members_.end() && !found->second.link.empty()) found = members_.find(found->second.link);
    if (found == members_.end() || !found->second.link.empty()) return fail(missing(name));
    return std::unique_ptr<ByteSource>(
        TRY_WITH(MemberSource::open(archive_.borrow(), found->second.index), quoted(name)));
}

Result<std::unique_ptr<ByteSource>> SingleFile::open(std::string const& /*name*/) {
    return std::unique_ptr<ByteSource>(std::make_unique<FileSource>(file_.borrow()));
}

Result<Listing> list_members(ByteSource& tar) {
    Listing out;
    auto reader = TRY_WITH(ArchiveReader::open_tar(tar), kNoImage);
    while (true) {
        auto next = reader.next_entry();
        if (!next.ok() && out.entries == 0) return fail(std::move(next).error().with(kNoImage));
        auto const entry = TRY(std::move(next));
        if (!entry) return out;
        uint64_t const index = out.entries++;
        auto const path = parse_link_path(entry->path);
        if (index >= kMaxMembers || !path.ok() || !may_be_a_part(path.value(), *entry)) continue;
        auto const name = path.value().full();
        out.members[name] = {index,
                             entry->type == EntryType::kFile ? std::string() : link_target(name, *entry)};
    }
}

}  // namespace krun::image
