// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/mount_points.h"

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

// The file at `path` in `root`, itself and not what it links to. `path` has no link in its directories.
UniqueFd open_exactly(BorrowedFd root, std::string const& path) {
    open_how how{};
    how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return UniqueFd(static_cast<int>(::syscall(SYS_openat2, root.raw(), path.c_str(), &how, sizeof how)));
}

// What a symbolic link says; nullopt if `fd` is not one.
std::optional<std::string> link_target(BorrowedFd fd) {
    std::array<char, 4096> buffer;
    ssize_t const n = ::readlinkat(fd.raw(), "", buffer.data(), buffer.size());
    if (n <= 0 || static_cast<size_t>(n) == buffer.size()) return std::nullopt;
    return std::string(buffer.data(), static_cast<size_t>(n));
}

// Walks one destination through the rootfs, resolving links as if the rootfs were "/", and past the point
// where nothing exists: where init would make the rest.
class Walk {
public:
    Walk(BorrowedFd rootfs, std::string_view destination) : rootfs_(rootfs) { push(destination); }

    // The canonical components; the first `existing` of them are there. nullopt: a loop of links.
    struct Place {
        std::vector<std::string> components;
        size_t existing = 0;
    };
    std::optional<Place> run() {
        constexpr int kMaxLinks = 40;  // as many as the kernel follows (path_resolution(7))
        int links = 0;
        while (!todo_.empty()) {
            std::string const name = std::move(todo_.back());
            todo_.pop_back();
            if (name == "..") {
                if (!place_.components.empty()) place_.components.pop_back();
                place_.existing = std::min(place_.existing, place_.components.size());
                continue;
            }
            if (follow(name) && ++links > kMaxLinks) return std::nullopt;
        }
        return std::move(place_);
    }

private:
    // Later components wait below earlier ones.
    void push(std::string_view path) {
        auto const parts = split(path, '/');
        for (auto part = parts.rbegin(); part != parts.rend(); ++part)
            if (!part->empty() && *part != ".") todo_.emplace_back(*part);
    }
    // One step; true if it was a link, whose target is to be walked next.
    bool follow(std::string const& name) {
        bool const parent_exists = place_.existing == place_.components.size();
        place_.components.push_back(name);
        if (!parent_exists) return false;
        auto const file = open_exactly(rootfs_, "/" + join(place_.components, "/"));
        if (!file.valid()) return false;
        auto const target = link_target(file.borrow());
        if (!target) {
            ++place_.existing;
            return false;
        }
        place_.components.pop_back();
        if (target->starts_with('/')) place_ = Place{};
        push(*target);
        return true;
    }

    BorrowedFd rootfs_;
    std::vector<std::string> todo_;
    Place place_;
};

class Finder {
public:
    Finder(BorrowedFd rootfs, std::vector<MountPoint>& out) : rootfs_(rootfs), out_(out) {}

    void find(std::string_view destination, bool directory, uint32_t mode,
              std::optional<guest::Device> const& device = {}) {
        auto const place = Walk(rootfs_, destination).run();
        if (!place) return;  // init reports it
        std::string path;
        for (size_t i = 0; i < place->components.size(); ++i) {
            path += "/" + place->components[i];
            bool const last = i + 1 == place->components.size();
            if (i >= place->existing && seen_.insert(path).second)
                out_.push_back({path, !last || directory, last ? mode : 0755, last ? device : std::nullopt});
        }
    }

private:
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

// A tmpfs without a mode takes over that of its mount point: the kernel's own default where there was none.
uint32_t mount_point_mode(guest::Mount const& mount, bool directory) {
    if (!directory) return 0644;
    return mount.type == "tmpfs" ? 01777 : 0755;
}

bool is_directory(BorrowedFd fd) {
    struct stat info {};
    return ::fstat(fd.raw(), &info) == 0 && S_ISDIR(info.st_mode);
}

// Only a bind mount can show a file. What it binds of the guest's own is there on the host as well, by the
// same name and of the same kind.
bool shows_directory(guest::Mount const& mount, std::vector<BindHandle> const& binds) {
    if (mount.type != "bind") return true;
    for (size_t i = 0; i < binds.size(); ++i)
        if (mount.source == bind_source_path(i)) return is_directory(binds[i].source.borrow());
    if (is_virtual_file(mount.source)) return false;
    struct stat info {};
    return ::stat(mount.source.c_str(), &info) != 0 || S_ISDIR(info.st_mode);
}

}  // namespace

std::vector<std::string> needed_directories(KrunConfig const& config) {
    std::vector<std::string> out;
    auto const& socket = config.krun.notify_socket;
    if (auto const slash = socket.rfind('/'); slash != std::string::npos && slash > 0)
        out.push_back(socket.substr(0, slash));
    if (config.krun.readonly) out.push_back(config.process.cwd);
    return out;
}

std::vector<MountPoint> missing_mount_points(BorrowedFd rootfs, std::vector<guest::Mount> const& mounts,
                                             std::vector<BindHandle> const& binds,
                                             std::vector<std::string> const& directories,
                                             std::vector<guest::Device> const& devices) {
    std::vector<MountPoint> out;
    Finder finder(rootfs, out);
    for (size_t i = 0; i < mounts.size(); ++i) {
        bool const directory = shows_directory(mounts[i], binds);
        if (!covered(mounts[i].destination, mounts, i))
            finder.find(mounts[i].destination, directory, mount_point_mode(mounts[i], directory));
    }
    for (auto const& directory : directories)
        if (!covered(directory, mounts, mounts.size())) finder.find(directory, /*directory=*/true, 0755);
    for (auto const& device : devices)
        if (!covered(device.path, mounts, mounts.size()))
            finder.find(device.path, /*directory=*/false, device.file_mode, device);
    return out;
}

}  // namespace krun::runtime
