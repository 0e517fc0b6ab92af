// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/cgroup.h"

#include <fcntl.h>

#include <optional>
#include <string_view>

#include "base/fd.h"
#include "base/strings.h"
#include "runtime/cgroup/cgroup_hierarchies.h"
#include "runtime/host/rootless.h"

namespace krun::runtime {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

Result<std::string> wanted_path(oci::Spec const& spec, std::string const& id) {
    auto const& asked = spec.linux.cgroups_path;
    std::string const wanted = asked.empty() ? std::string(kDefaultCgroupParent) + "/" + id : asked;
    auto const invalid = [&](char const* why) {
        return fail(
            Error(Errc::kInvalidConfig, "linux.cgroupsPath: " + std::string(why) + ", is " + quoted(wanted)));
    };
    if (wanted.find(':') != wanted.npos)
        return invalid("SLICE:PREFIX:NAME is for the systemd cgroup manager");
    std::string path;
    for (auto const part : split(wanted, '/')) {
        if (part.empty() || part == ".") continue;
        if (part == "..") return invalid("must not contain \"..\"");
        path += "/" + std::string(part);
    }
    if (path.empty()) return invalid("must name a cgroup below the root");
    return path;
}

// The same place in each hierarchy.
Cgroup everywhere(CgroupHierarchies const& host, std::string const& path) {
    Cgroup::Directories out;
    for (auto const& hierarchy : host.all)
        for (auto const& controller : hierarchy.controllers) out[controller] = hierarchy.mount_point + path;
    return Cgroup(std::move(out));
}

// Of a path as /proc/PID/cgroup has it, what is below the mount point; nullopt if it is not there.
std::optional<std::string_view> below_mount(CgroupHierarchy const& hierarchy, std::string_view path) {
    if (hierarchy.root == "/") return path;
    if (!path.starts_with(hierarchy.root + "/")) return std::nullopt;
    return path.substr(hierarchy.root.size());
}

// A line of /proc/PID/cgroup, ID:CONTROLLERS:PATH.
void add_line(std::string_view line, CgroupHierarchies const& host, Cgroup::Directories& out) {
    auto const first = line.find(':');
    auto const second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos) return;
    auto const names = split(line.substr(first + 1, second - first - 1), ',');
    for (auto const& hierarchy : host.all) {
        if (hierarchy.controllers.front() != names.front()) continue;
        auto const below = below_mount(hierarchy, line.substr(second + 1));
        if (!below || *below == "/") return;
        for (auto const& name : hierarchy.controllers)
            out[name] = hierarchy.mount_point + std::string(*below);
    }
}

}  // namespace

std::set<std::string> Cgroup::places() const {
    std::set<std::string> out;
    for (auto const& [controller, path] : directories_) out.insert(path);
    return out;
}

CgroupVersion const& Cgroup::version() const {
    bool const only_v2 = directories_.size() == 1 && directories_.begin()->first.empty();
    return only_v2 || is_none() ? kCgroupV2 : kCgroupV1;
}

Result<std::string> Cgroup::path_of(std::string const& file) const {
    auto const controller = file.substr(0, file.find('.'));
    auto found = directories_.find(controller);
    if (found == directories_.end() && &version() == &kCgroupV2) found = directories_.find("");
    if (found != directories_.end()) return found->second + "/" + file;
    if (is_none()) return fail(Error(Errc::kUnsupported, "this container has no cgroup of its own"));
    return fail(Error(Errc::kUnsupported, "this host's cgroup v1 has no controller " + quoted(controller)));
}

Result<std::string> Cgroup::read(std::string const& file) const {
    auto const path = TRY(path_of(file));
    return read_file(path, kMaxFileBytes);
}

Result<void> Cgroup::write(std::string const& file, std::string const& value) const {
    auto const path = TRY_WITH(path_of(file), "set " + file + " to " + value);
    auto const fd = TRY_WITH(open_path(path, O_WRONLY | O_NOFOLLOW), "set " + file + " to " + value);
    TRY_WITH(write_full(fd.borrow(), value), "set " + file + " to " + value);
    return {};
}

std::vector<pid_t> Cgroup::members() const {
    std::vector<pid_t> out;
    if (is_none()) return out;
    auto const text = read_file(directories_.begin()->second + "/cgroup.procs", kMaxFileBytes);
    if (!text.ok()) return out;
    for (auto const line : split(text.value(), '\n'))
        if (auto const pid = parse_int64(line)) out.push_back(static_cast<pid_t>(*pid));
    return out;
}

Result<Cgroup> cgroup_for(oci::Spec const& spec, std::string const& id) {
    auto const host = find_cgroup_hierarchies();
    if (host.mode == CgroupMode::kNone) return Cgroup();
    bool const is_delegated = host.mode == CgroupMode::kUnified;
    if (!is_delegated && is_rootless() && spec.linux.cgroups_path.empty()) return Cgroup();
    return everywhere(host, TRY(wanted_path(spec, id)));
}

Cgroup same_place(std::string const& controller, std::string const& directory) {
    auto const host = find_cgroup_hierarchies();
    for (auto const& one : host.all)
        if (one.controllers.front() == controller)
            return everywhere(host, directory.substr(one.mount_point.size()));
    return Cgroup();
}

Cgroup cgroup_of(pid_t pid) {
    auto const text = read_file("/proc/" + std::to_string(pid) + "/cgroup", kMaxFileBytes);
    if (!text.ok()) return Cgroup();
    auto const host = find_cgroup_hierarchies();
    Cgroup::Directories out;
    for (auto const line : split(text.value(), '\n')) add_line(line, host, out);
    return Cgroup(std::move(out));
}

}  // namespace krun::runtime
