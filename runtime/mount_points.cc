// SPDX-License-Identifier: Apache-2.0
#include "runtime/mount_points.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <set>
#include <string_view>

#include "base/strings.h"

namespace krun::runtime {
namespace {

// `path` below `root`, every symbolic link resolved as if `root` were "/"; the last one not, with O_NOFOLLOW.
UniqueFd resolve_in(BorrowedFd root, std::string const& path, uint64_t flags = 0) {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC | flags;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return UniqueFd(static_cast<int>(::syscall(SYS_openat2, root.raw(), path.c_str(), &how, sizeof how)));
}

std::optional<std::string> path_of(BorrowedFd fd) {
    std::array<char, 4096> buffer;
    std::string const link = "/proc/self/fd/" + std::to_string(fd.raw());
    ssize_t const n = ::readlink(link.c_str(), buffer.data(), buffer.size());
    if (n <= 0 || static_cast<size_t>(n) == buffer.size()) return std::nullopt;
    return std::string(buffer.data(), static_cast<size_t>(n));
}

// The canonical place of an existing directory, from `root`: "" for the root itself, "/a/b" otherwise.
std::optional<std::string> place_in(BorrowedFd root, BorrowedFd directory) {
    auto const top = path_of(root);
    auto const full = path_of(directory);
    if (!top || !full) return std::nullopt;
    std::string const prefix = *top == "/" ? "" : *top;
    if (!full->starts_with(prefix)) return std::nullopt;
    std::string const rest = full->substr(prefix.size());
    return rest == "/" ? "" : rest;
}

class Finder {
public:
    Finder(BorrowedFd rootfs, std::vector<MountPoint>& out) : rootfs_(rootfs), out_(out) {}

    void find(std::string_view destination, bool directory) {
        auto const parts = components(destination);
        if (std::find(parts.begin(), parts.end(), "..") != parts.end()) return;
        std::string existing = "/";
        size_t depth = 0;
        for (; depth < parts.size(); ++depth) {
            std::string const next = existing + (existing.size() > 1 ? "/" : "") + parts[depth];
            if (!resolve_in(rootfs_, next).valid()) {
                if (resolve_in(rootfs_, next, O_NOFOLLOW).valid()) return;  // a dangling link
                break;
            }
            existing = next;
        }
        if (depth == parts.size()) return;  // all there
        auto const parent = resolve_in(rootfs_, existing);
        auto const place = parent.valid() ? place_in(rootfs_, parent.borrow()) : std::nullopt;
        if (!place) return;
        add(*place, std::span(parts).subspan(depth), directory);
    }

private:
    static std::vector<std::string> components(std::string_view path) {
        std::vector<std::string> parts;
        for (auto const part : split(path, '/'))
            if (!part.empty() && part != ".") parts.emplace_back(part);
        return parts;
    }

    void add(std::string path, std::span<std::string const> missing, bool directory) {
        for (size_t i = 0; i < missing.size(); ++i) {
            path += "/" + missing[i];
            bool const last = i + 1 == missing.size();
            if (seen_.insert(path).second) out_.push_back({path, !last || directory});
        }
    }

    BorrowedFd rootfs_;
    std::vector<MountPoint>& out_;
    std::set<std::string> seen_;
};

bool is_below(std::string_view path, std::string_view directory) {
    return path.size() > directory.size() && path.starts_with(directory) &&
           (directory == "/" || path[directory.size()] == '/');
}

bool covered(std::string_view destination, std::vector<guest::Mount> const& mounts, size_t before) {
    return std::any_of(mounts.begin(), mounts.begin() + static_cast<ptrdiff_t>(before),
                       [&](guest::Mount const& m) { return is_below(destination, m.destination); });
}

bool is_directory(BorrowedFd fd) {
    struct stat info {};
    return ::fstat(fd.raw(), &info) == 0 && S_ISDIR(info.st_mode);
}

}  // namespace

std::vector<MountPoint> missing_mount_points(BorrowedFd rootfs, std::vector<guest::Mount> const& mounts,
                                             std::vector<BindSource> const& sources,
                                             std::vector<BindHandle> const& binds) {
    std::vector<MountPoint> out;
    Finder finder(rootfs, out);
    for (size_t i = 0; i < mounts.size(); ++i) {
        auto const source =
            std::find_if(sources.begin(), sources.end(), [&](BindSource const& s) { return s.mount == i; });
        bool const directory =
            source == sources.end() ||
            is_directory(binds[static_cast<size_t>(source - sources.begin())].source.borrow());
        if (!covered(mounts[i].destination, mounts, i)) finder.find(mounts[i].destination, directory);
    }
    return out;
}

}  // namespace krun::runtime
