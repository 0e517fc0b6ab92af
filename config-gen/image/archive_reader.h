// SPDX-License-Identifier: Apache-2.0
// Tar archives (ustar, pax and GNU) and compressed streams (gzip, xz, zstd), by libarchive. What it tells is
// what a stranger wrote: names may be absolute, hold "..", or be no UTF-8. Nothing here touches a file
// system.
#pragma once
#include <time.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config-gen/image/byte_source.h"

namespace krun::image {

enum class EntryType : uint8_t { kFile, kDirectory, kSymlink, kHardLink, kFifo, kDevice, kSocket };

struct Xattr {
    std::string name;
    std::string value;
};

struct Entry {
    std::string path;
    EntryType type = EntryType::kFile;
    std::string target;  // of the two kinds of links
    uint32_t mode = 0;   // permissions, set-id and sticky bits
    uint32_t uid = 0;
    uint32_t gid = 0;
    uint64_t size_bytes = 0;  // of a file, holes included
    timespec mtime{};
    std::vector<Xattr> xattrs;
};

// A part of a file's content. Between blocks there are holes.
struct Block {
    uint64_t offset = 0;
    Bytes bytes;  // good until the reader is asked again
};

class ArchiveReader {
public:
    // `source` must outlive the reader.
    static Result<ArchiveReader> open_tar(ByteSource& source);
    // One stream that may be compressed, once; its content is the one entry there is.
    static Result<ArchiveReader> open_compressed(ByteSource& source);

    ArchiveReader(ArchiveReader&&) noexcept;
    ArchiveReader& operator=(ArchiveReader&&) noexcept;
    ~ArchiveReader();

    // nullopt at the end of the archive. What is left of the entry before is passed over.
    Result<std::optional<Entry>> next_entry();
    // The entry's content in ascending order; nullopt at its end.
    Result<std::optional<Block>> next_block();
    bool compressed() const;

private:
    struct State;
    explicit ArchiveReader(std::unique_ptr<State> state);
    static Result<ArchiveReader> open(ByteSource& source, void (*support)(State&));
    Error error() const;
    std::unique_ptr<State> state_;
};

// What a source holds once it is decompressed; one that is not compressed comes out as it is.
class DecompressedSource final : public ByteSource {
public:
    static Result<std::unique_ptr<DecompressedSource>> open(ByteSource& below);
    Result<Bytes> next() override;
    bool compressed() const { return reader_.compressed(); }

private:
    DecompressedSource(ArchiveReader reader, bool empty) : reader_(std::move(reader)), empty_(empty) {}
    ArchiveReader reader_;
    bool empty_;
};

}  // namespace krun::image
