// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/tree_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/checked.h"
#include "base/fd.h"
#include "base/strings.h"
#include "config-gen/image/beneath.h"

namespace krun::image {
namespace {

// Ours alone until finish(): then it gets the mode that the image wants.
constexpr mode_t kPrivateDirectory = 0700;
constexpr size_t kMaxTargetBytes = 4095;  // symlink(2)

Error invalid(std::string text, Where where = Where::current()) {
    return Error(Errc::kInvalidConfig, std::move(text), 0, where);
}

Result<void> write_at(BorrowedFd fd, Block const& block) {
    auto bytes = block.bytes;
    auto offset = static_cast<off_t>(block.offset);
    while (!bytes.empty()) {
        ssize_t const n = ::pwrite(fd.raw(), bytes.data(), bytes.size(), offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(Error::sys("write"));
        bytes = bytes.subspan(static_cast<size_t>(n));
        offset += n;
    }
    return {};
}

// What the archive does not store is not written: holes stay holes.
Result<void> write_content(BorrowedFd fd, uint64_t size_bytes, ArchiveReader& content) {
    while (auto const block = TRY(content.next_block())) {
        auto const end = checked_add(block->offset, uint64_t{block->bytes.size()});
        if (!end || *end > size_bytes) return fail(invalid("more content than its size"));
        TRY(write_at(fd, *block));
    }
    if (::ftruncate(fd.raw(), static_cast<off_t>(size_bytes)) < 0) return fail(Error::sys("set the size"));
    return {};
}

bool is_missing(Error const& error) {
    return error.sys_errno() == ENOENT;
}

Result<UniqueFd> open_directory_at(BorrowedFd parent, std::string const& name) {
    return open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

}  // namespace

// Each of them is the layer's, implied by what lies in it.
Result<UniqueFd> TreeWriter::make_directories(std::string const& path) {
    std::string made;
    UniqueFd here = TRY(open_beneath(root_.borrow(), "", O_RDONLY | O_DIRECTORY));
    for (auto const name : split(path, '/')) {
        std::string const child(name);
        made += (made.empty() ? "" : "/") + child;
        if (::mkdirat(here.borrow().raw(), child.c_str(), kPrivateDirectory) == 0)
            directories_[made] = {};
        else if (errno != EEXIST)
            return fail(Error::sys("make " + quoted(made)));
        here = TRY(open_directory_at(here.borrow(), child));
    }
    return here;
}

Result<UniqueFd> TreeWriter::open_directory(std::string const& path) const {
    auto found = open_beneath(root_.borrow(), path, O_RDONLY | O_DIRECTORY);
    if (found.ok() || found.error().sys_errno() != ELOOP) return found;
    return fail(invalid("lies below a symbolic link, in " + quoted(path)));
}

Result<UniqueFd> TreeWriter::parent_of(EntryPath const& path) {
    auto found = open_directory(path.parent);
    if (!found.ok() && is_missing(found.error())) return make_directories(path.parent);
    return found;
}

Result<void> TreeWriter::write_root(Entry const& entry) {
    if (entry.type != EntryType::kDirectory) return fail(invalid("the root must be a directory"));
    TRY(clear_xattrs(root_.borrow(), privilege_));
    TRY(set_owner_and_xattrs(root_.borrow(), entry, privilege_, warnings_));
    directories_[""] = {mode_for(entry, privilege_), entry.mtime};
    return {};
}

Result<void> TreeWriter::write_directory(BorrowedFd parent, EntryPath const& path, Entry const& entry) {
    auto found = open_directory_at(parent, path.name);
    if (!found.ok()) {
        TRY(remove_from(parent, path));  // something else, or nothing
        if (::mkdirat(parent.raw(), path.name.c_str(), kPrivateDirectory) < 0)
            return fail(Error::sys("make it"));
        found = open_directory_at(parent, path.name);
    }
    UniqueFd const directory = TRY(std::move(found));
    TRY(clear_xattrs(directory.borrow(), privilege_));
    TRY(set_owner_and_xattrs(directory.borrow(), entry, privilege_, warnings_));
    directories_[path.full()] = {mode_for(entry, privilege_), entry.mtime};
    return {};
}

Result<void> TreeWriter::write_file(BorrowedFd parent, std::string const& name, Entry const& entry,
                                    ArchiveReader& content) {
    auto const file = TRY(open_at(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    TRY(write_content(file.borrow(), entry.size_bytes, content));
    TRY(set_owner_and_xattrs(file.borrow(), entry, privilege_, warnings_));
    return set_mode_and_time(file.borrow(), mode_for(entry, privilege_), entry.mtime);
}

Result<void> TreeWriter::write_symlink(BorrowedFd parent, std::string const& name, Entry const& entry) {
    if (entry.target.empty() || entry.target.size() > kMaxTargetBytes)
        return fail(invalid("a symbolic link's target has 1 to 4095 bytes"));
    if (::symlinkat(entry.target.c_str(), parent.raw(), name.c_str()) < 0) return fail(Error::sys("link it"));
    return set_attributes_at(parent, name, entry, privilege_, warnings_);
}

// Without AT_SYMLINK_FOLLOW: a link to a symbolic link is one more name of that link.
Result<void> TreeWriter::write_hard_link(BorrowedFd parent, EntryPath const& path, Entry const& entry) {
    auto const target = TRY(parse_link_path(entry.target));
    auto const from = TRY_WITH(open_beneath(root_.borrow(), target.parent, O_PATH | O_DIRECTORY),
                               "hard link to " + quoted(entry.target));
    if (::linkat(from.borrow().raw(), target.name.c_str(), parent.raw(), path.name.c_str(), 0) < 0)
        return fail(Error::sys("hard link to " + quoted(entry.target)));
    return {};
}

Result<void> TreeWriter::write_fifo(BorrowedFd parent, std::string const& name, Entry const& entry) {
    if (::mkfifoat(parent.raw(), name.c_str(), 0600) < 0) return fail(Error::sys("make a FIFO"));
    return set_attributes_at(parent, name, entry, privilege_, warnings_);
}

Result<void> TreeWriter::write_other(BorrowedFd parent, EntryPath const& path, Entry const& entry,
                                     ArchiveReader& content) {
    switch (entry.type) {
        case EntryType::kFile:
            return write_file(parent, path.name, entry, content);
        case EntryType::kSymlink:
            return write_symlink(parent, path.name, entry);
        case EntryType::kHardLink:
            return write_hard_link(parent, path, entry);
        case EntryType::kFifo:
            return write_fifo(parent, path.name, entry);
        // On the host a node of its disk, whoever unpacked it, would be a way to the disk.
        case EntryType::kDevice:
            warnings_.add(Omission::kDevice, path.full());
            return {};
        case EntryType::kSocket:
            warnings_.add(Omission::kSocket, path.full());
            return {};
        case EntryType::kDirectory:
            break;
    }
    return fail(Error(Errc::kInternal, "a directory is written elsewhere"));
}

Result<void> TreeWriter::write(EntryPath const& path, Entry const& entry, ArchiveReader& content) {
    if (path.name.empty()) return write_root(entry);
    auto const parent = TRY(parent_of(path));
    if (entry.type == EntryType::kDirectory) return write_directory(parent.borrow(), path, entry);
    TRY(remove_from(parent.borrow(), path));
    return write_other(parent.borrow(), path, entry, content);
}

void TreeWriter::forget_directories(std::string const& path) {
    if (directories_.erase(path) == 0) return;
    std::string const below = path + "/";
    auto const first = directories_.lower_bound(below);
    auto last = first;
    while (last != directories_.end() && last->first.starts_with(below)) ++last;
    directories_.erase(first, last);
}

Result<void> TreeWriter::remove_from(BorrowedFd parent, EntryPath const& path) {
    TRY(remove_tree(parent, path.name));
    forget_directories(path.full());
    return {};
}

Result<void> TreeWriter::remove(EntryPath const& path) {
    auto found = open_directory(path.parent);
    if (!found.ok() && is_missing(found.error())) return {};
    UniqueFd const parent = TRY(std::move(found));
    return remove_from(parent.borrow(), path);
}

Result<bool> TreeWriter::is_directory(EntryPath const& path) const {
    auto const parent = TRY(open_directory(path.parent));
    struct stat info {};
    if (::fstatat(parent.borrow().raw(), path.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
        return S_ISDIR(info.st_mode);
    if (errno == ENOENT) return false;
    return fail(Error::sys("look at it"));
}

Result<std::vector<std::string>> TreeWriter::list(std::string const& directory) const {
    auto found = open_directory(directory);
    if (!found.ok() && is_missing(found.error())) return std::vector<std::string>();
    UniqueFd const fd = TRY(std::move(found));
    return list_directory(fd.borrow());
}

// Children before parents, whose mode may close the way to them.
Result<void> TreeWriter::finish() {
    for (auto at = directories_.rbegin(); at != directories_.rend(); ++at) {
        auto const& [path, attributes] = *at;
        auto const fd = TRY(open_beneath(root_.borrow(), path, O_RDONLY | O_DIRECTORY));
        timespec const mtime = attributes.mtime.value_or(timespec{0, UTIME_OMIT});
        TRY_WITH(set_mode_and_time(fd.borrow(), attributes.mode, mtime), quoted(path));
    }
    return {};
}

}  // namespace krun::image
