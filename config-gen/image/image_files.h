// SPDX-License-Identifier: Apache-2.0
// The files that an image is stored as, by name: those of a directory, or the members of a tar archive.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/image/byte_source.h"

namespace krun::image {

// What begins the message about something that is none of what can be read.
inline constexpr char kNoImage[] = "neither an OCI layout, a docker archive nor a tar of a root file system";

class ImageFiles {
public:
    virtual ~ImageFiles() = default;
    // The content of a regular file, from its beginning; errors name it. The files must outlive the source.
    virtual Result<std::unique_ptr<ByteSource>> open(std::string const& name) = 0;
    virtual bool has(std::string const& name) = 0;
};

// Symbolic links are not followed: a layout from elsewhere may not say which of the caller's files are read.
class DirectoryFiles final : public ImageFiles {
public:
    explicit DirectoryFiles(UniqueFd directory) : directory_(std::move(directory)) {}
    Result<std::unique_ptr<ByteSource>> open(std::string const& name) override;
    bool has(std::string const& name) override;

private:
    UniqueFd directory_;
};

// An uncompressed archive that is searched anew for each file: nothing is copied, and passing over content is
// one seek. Of two members with one name the last counts, as if they had been extracted. Links are followed
// once, as old docker archives have them for layers that are there twice.
class ArchivedFiles final : public ImageFiles {
public:
    struct Member {
        uint64_t index = 0;  // which entry of the archive, from 0
        std::string link;    // what it is another name of; empty for a regular file
    };
    using Members = std::map<std::string, Member>;

    ArchivedFiles(UniqueFd archive, Members members)
        : archive_(std::move(archive)), members_(std::move(members)) {}
    Result<std::unique_ptr<ByteSource>> open(std::string const& name) override;
    bool has(std::string const& name) override { return members_.contains(name); }

private:
    UniqueFd archive_;
    Members members_;
};

// One file that is the image, under any name.
class SingleFile final : public ImageFiles {
public:
    explicit SingleFile(UniqueFd file) : file_(std::move(file)) {}
    Result<std::unique_ptr<ByteSource>> open(std::string const& name) override;
    bool has(std::string const& /*name*/) override { return true; }

private:
    UniqueFd file_;
};

// More than `docker save` writes for a hundred images. Each file that is opened is searched for among so
// many.
inline constexpr uint64_t kMaxMembers = 10'000;

struct Listing {
    ArchivedFiles::Members members;  // files and links at most three levels deep, where images have theirs
    uint64_t entries = 0;            // all there are
};
// Of a tar archive, decompressed.
Result<Listing> list_members(ByteSource& tar);

}  // namespace krun::image
