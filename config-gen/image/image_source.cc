// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/image_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/strings.h"
#include "config-gen/image/archive_reader.h"
#include "config-gen/image/file_source.h"

namespace krun::image {
namespace {

// The file that tells what an archive or a directory is, in the order of preference: docker writes both.
constexpr char kOciMarker[] = "oci-layout";
constexpr char kDockerMarker[] = "manifest.json";

Result<OpenedImage> open_layout(std::unique_ptr<ImageFiles> files, std::string const& name) {
    auto found = files->has(kOciMarker) ? find_oci_image(*files, name) : find_docker_image(*files, name);
    Image image = TRY(std::move(found));
    return OpenedImage{std::move(files), std::move(image)};
}

Result<OpenedImage> open_rootfs(UniqueFd file, std::string const& name) {
    if (!name.empty())
        return fail(Error(Errc::kInvalidConfig, "a root file system has no name, but --ref asks for one"));
    Image image;
    image.layers.push_back({"", {}, {}});
    return OpenedImage{std::make_unique<SingleFile>(std::move(file)), std::move(image)};
}

Result<UniqueFd> decompress(BorrowedFd file, BorrowedFd scratch, Budget& budget, Progress& progress) {
    constexpr char kName[] = "image.tar";
    auto out = TRY(open_at(scratch, kName, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    ::unlinkat(scratch.raw(), kName, 0);
    FileSource source(file);
    auto const plain = TRY(DecompressedSource::open(source));
    while (true) {
        auto const bytes = TRY(plain->next());
        if (bytes.empty()) return out;
        TRY(progress.advance(bytes.size()));
        TRY(budget.spend_stream(bytes.size()));
        TRY(write_full(out.borrow(), bytes));
    }
}

// An uncompressed archive is read directly, since then content is passed over.
Result<Listing> list_archive(BorrowedFd file, bool compressed, Budget& budget, Progress& progress) {
    FileSource source(file);
    if (!compressed) return list_members(source);
    auto const plain = TRY(DecompressedSource::open(source));
    WatchedSource watched(*plain, [&](Bytes bytes) -> Result<void> {
        TRY(progress.advance(bytes.size()));
        return budget.spend_stream(bytes.size());
    });
    return list_members(watched);
}

Result<bool> is_compressed(BorrowedFd file) {
    FileSource source(file);
    return TRY_WITH(DecompressedSource::open(source), kNoImage)
    ->compressed();
}

Result<OpenedImage> open_archive(UniqueFd file, std::string const& name, BorrowedFd scratch, Budget& budget,
                                 Progress& progress) {
    bool const compressed = TRY(is_compressed(file.borrow()));
    Budget looking = budget;  // what is read to find out is read again
    auto listing = TRY(list_archive(file.borrow(), compressed, looking, progress));
    auto& members = listing.members;
    if (!members.contains(kOciMarker) && !members.contains(kDockerMarker))
        return open_rootfs(std::move(file), name);
    if (listing.entries > kMaxMembers)
        return fail(Error(Errc::kInvalidConfig,
                          "an archive of images with more than " + std::to_string(kMaxMembers) + " members"));
    if (compressed) file = TRY(decompress(file.borrow(), scratch, budget, progress));
    return open_layout(std::make_unique<ArchivedFiles>(std::move(file), std::move(members)), name);
}

}  // namespace

Result<OpenedImage> open_image(std::string const& path, std::string const& name, BorrowedFd scratch,
                               Budget& budget, Progress& progress) {
    UniqueFd file = TRY(open_path(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    struct stat info {};
    if (::fstat(file.borrow().raw(), &info) < 0) return fail(Error::sys("look at it"));
    if (S_ISDIR(info.st_mode)) {
        auto files = std::make_unique<DirectoryFiles>(std::move(file));
        if (!files->has(kOciMarker))
            return fail(
                Error(Errc::kInvalidConfig, std::string(kNoImage) + ": a directory without " + kOciMarker));
        return open_layout(std::move(files), name);
    }
    TRY(expect_regular_file(file.borrow()));
    return open_archive(std::move(file), name, scratch, budget, progress);
}

}  // namespace krun::image
