// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/strings.h"
#include "runtime/cgroup_settings.h"

namespace krun::runtime {
namespace {

constexpr char const* kRoot = "/sys/fs/cgroup";

bool has_cgroup2() {
    struct statfs info {};
    return ::statfs(kRoot, &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC;
}

Result<void> write_control(BorrowedFd cgroup, std::string const& file, std::string const& value) {
    auto const fd = TRY(open_at(cgroup, file, O_WRONLY | O_NOFOLLOW));
    TRY_WITH(write_full(fd.borrow(), value), "set " + file + " to " + value);
    return {};
}

// Controllers a container may want; whichever the parent has is handed down. A missing one is an error only
// when a limit needs its file.
void hand_down_controllers(BorrowedFd cgroup) {
    for (char const* controller : {"+cpu", "+memory", "+cpuset", "+io", "+pids", "+hugetlb"})
        ignore(write_control(cgroup, "cgroup.subtree_control", controller),
               "the limit's own write reports it");
}

Result<void> write_limits(BorrowedFd cgroup, oci::Spec const& spec) {
    if (!spec.linux.resources) return {};
    for (auto const& setting : cgroup_settings(*spec.linux.resources))
        TRY_WITH(write_control(cgroup, setting.file, setting.value), "linux.resources");
    return {};
}

Result<UniqueFd> enter_or_make(BorrowedFd parent, std::string const& name) {
    if (::mkdirat(parent.raw(), name.c_str(), 0755) < 0 && errno != EEXIST)
        return fail(Error::sys("create cgroup " + name));
    return open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

// By hand, because cgroup directories cannot be removed as files are; children first.
Result<void> remove_tree(BorrowedFd parent, std::string const& name) {
    auto directory = open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!directory.ok()) {
        if (directory.error().sys_errno() == ENOENT) return {};
        return fail(std::move(directory).error());
    }
    auto listing = TRY(open_at(directory.value().borrow(), ".", O_RDONLY | O_DIRECTORY));
    std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(listing.borrow().raw()), ::closedir);
    if (!entries) return fail(Error::sys("list cgroup " + name));
    static_cast<void>(listing.release());  // it is closed with the stream
    while (dirent const* entry = ::readdir(entries.get())) {
        std::string_view const child = entry->d_name;
        if (entry->d_type == DT_DIR && child != "." && child != "..")
            TRY(remove_tree(directory.value().borrow(), std::string(child)));
    }
    if (::unlinkat(parent.raw(), name.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT)
        return fail(Error::sys("remove cgroup " + name));
    return {};
}

// Where containers go whose config.json names no cgroup. The directory is ours: it goes with its last child.
constexpr char const* kDefaultParent = "krun-oci";

std::string default_cgroups_path(std::string const& id) {
    return std::string("/") + kDefaultParent + "/" + id;
}

void remove_empty_default_parent(std::string const& parent) {
    std::string const ours = std::string(kRoot) + "/" + kDefaultParent;
    if (parent == ours) ignore(::rmdir(ours.c_str()), "another container may be in it");
}

// What is left in it ends, frozen or not: processes that stood for executed ones.
void kill_members(std::string const& path) {
    if (auto const left = open_path(path + "/cgroup.kill", O_WRONLY | O_NOFOLLOW); left.ok())
        ignore(write_full(left.value().borrow(), std::string_view("1")), "then it is busy, and stays");
}

struct SplitPath {
    std::string parent;
    std::string name;
};
// Of an absolute path below kRoot.
std::optional<SplitPath> split_path(std::string const& path) {
    if (!path.starts_with(std::string(kRoot) + "/")) return std::nullopt;
    auto const slash = path.rfind('/');
    return SplitPath{path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

Result<std::string> cgroup_path_for(oci::Spec const& spec, std::string const& id) {
    if (!has_cgroup2()) return std::string{};
    std::string wanted = spec.linux.cgroups_path.empty() ? default_cgroups_path(id) : spec.linux.cgroups_path;
    auto const invalid = [&](char const* why) {
        return fail(
            Error(Errc::kInvalidConfig, "linux.cgroupsPath: " + std::string(why) + ", is " + quoted(wanted)));
    };
    if (wanted.find(':') != wanted.npos)
        return invalid("SLICE:PREFIX:NAME is for the systemd cgroup manager");
    std::string path = kRoot;
    for (auto const part : split(wanted, '/')) {
        if (part.empty() || part == ".") continue;
        if (part == "..") return invalid("must not contain \"..\"");
        path += "/" + std::string(part);
    }
    if (path == kRoot) return invalid("must name a cgroup below the root");
    return path;
}

Result<UniqueFd> create_cgroup(std::string const& path, oci::Spec const& spec) {
    auto cgroup = TRY(open_path(kRoot, O_RDONLY | O_DIRECTORY));
    auto const below_root = std::string_view(path).substr(std::string_view(kRoot).size() + 1);
    for (auto const part : split(below_root, '/')) {
        hand_down_controllers(cgroup.borrow());
        auto child = TRY(enter_or_make(cgroup.borrow(), std::string(part)));
        cgroup = std::move(child);
    }
    auto const members = TRY(open_at(cgroup.borrow(), "cgroup.procs", O_RDONLY));
    auto const pids = TRY(read_file(members.borrow(), 1 << 20));
    if (!pids.empty()) return fail(Error(Errc::kBadState, "cgroup " + path + " is in use"));
    TRY(write_limits(cgroup.borrow(), spec));
    return cgroup;
}

Result<UniqueFd> adopt_cgroup(std::string const& path, oci::Spec const& spec) {
    auto cgroup = TRY(open_path(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY(write_limits(cgroup.borrow(), spec));
    return cgroup;
}

std::string cgroup_path_of(pid_t pid) {
    auto const text = read_file("/proc/" + std::to_string(pid) + "/cgroup", 1 << 16);
    if (!text.ok()) return {};
    for (auto const line : split(text.value(), '\n'))
        if (line.starts_with("0::/") && line.size() > 4) return kRoot + std::string(line.substr(3));
    return {};
}

Result<void> end_scope_cgroup(std::string const& path) {
    if (path.empty()) return {};
    kill_members(path);
    using namespace std::chrono_literals;
    for (auto waited = 0ms; waited < 2000ms && ::access(path.c_str(), F_OK) == 0; waited += 5ms)
        std::this_thread::sleep_for(5ms);
    return remove_cgroup(path);
}

Result<void> remove_cgroup(std::string const& path) {
    if (path.empty()) return {};
    auto const where = split_path(path);
    if (!where) return fail(Error(Errc::kInternal, "not a cgroup path: " + quoted(path)));
    auto parent = open_path(where->parent, O_RDONLY | O_DIRECTORY);
    if (!parent.ok()) return {};  // gone with its parent
    kill_members(path);
    // A process that has just died may hold its cgroup for a moment.
    using namespace std::chrono_literals;
    for (auto waited = 0ms;; waited += 5ms) {
        auto removed = remove_tree(parent.value().borrow(), where->name);
        if (removed.ok()) remove_empty_default_parent(where->parent);
        if (removed.ok() || removed.error().sys_errno() != EBUSY || waited >= 2000ms) return removed;
        std::this_thread::sleep_for(5ms);
    }
}

}  // namespace krun::runtime
