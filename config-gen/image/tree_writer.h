// SPDX-License-Identifier: Apache-2.0
// Files made below a root directory that nobody else writes to. No symbolic link is followed on the way to
// any of them, so nothing outside the root can be reached, and no file is reached by two names but by hard
// links.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/image/archive_reader.h"
#include "config-gen/image/attributes.h"
#include "config-gen/image/entry_path.h"
#include "config-gen/image/warnings.h"

namespace krun::image {

class TreeWriter {
public:
    // `root` is an empty directory, open for reading. `warnings` must outlive the writer.
    TreeWriter(UniqueFd root, Privilege privilege, Warnings& warnings)
        : root_(std::move(root)), privilege_(privilege), warnings_(warnings), directories_{{"", {}}} {}

    // Makes the entry, with the directories above it that are missing. What has that name already is
    // replaced; of a directory by a directory, only the attributes. A file's content is taken from `content`.
    Result<void> write(EntryPath const& path, Entry const& entry, ArchiveReader& content);
    // Removes it and all below it. It may be missing.
    Result<void> remove(EntryPath const& path);
    // False of what is missing, and of links to directories.
    Result<bool> is_directory(EntryPath const& path) const;
    // What a directory holds; nothing if it is missing.
    Result<std::vector<std::string>> list(std::string const& directory) const;
    // Sets what writing into directories would have changed, or made impossible: their modes and times.
    Result<void> finish();

    BorrowedFd root() const { return root_.borrow(); }

private:
    struct DirectoryAttributes {
        mode_t mode = 0755;
        std::optional<timespec> mtime;  // none: no entry of its own
    };

    Result<UniqueFd> open_directory(std::string const& path) const;
    Result<UniqueFd> parent_of(EntryPath const& path);
    Result<void> remove_from(BorrowedFd parent, EntryPath const& path);
    Result<UniqueFd> make_directories(std::string const& path);
    Result<void> write_directory(BorrowedFd parent, EntryPath const& path, Entry const& entry);
    Result<void> write_file(BorrowedFd parent, std::string const& name, Entry const& entry,
                            ArchiveReader& content);
    Result<void> write_symlink(BorrowedFd parent, std::string const& name, Entry const& entry);
    Result<void> write_hard_link(BorrowedFd parent, EntryPath const& path, Entry const& entry);
    Result<void> write_fifo(BorrowedFd parent, std::string const& name, Entry const& entry);
    Result<void> write_other(BorrowedFd parent, EntryPath const& path, Entry const& entry,
                             ArchiveReader& content);
    Result<void> write_root(Entry const& entry);
    void forget_directories(std::string const& path);

    UniqueFd root_;
    Privilege privilege_;
    Warnings& warnings_;
    std::map<std::string, DirectoryAttributes> directories_;  // by path; a parent comes before its children
};

}  // namespace krun::image
