// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/cgroup_hierarchies.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "base/fd.h"
#include "base/strings.h"

namespace krun::runtime {
namespace {

constexpr size_t kMaxProcBytes = 4 << 20;
constexpr unsigned kFirstOptionalField = 6;  // proc(5), /proc/PID/mountinfo; a "-" ends those

using Names = std::set<std::string_view>;

// A line is ID:CONTROLLERS:PATH. Of v2 there are no controllers to name.
Names controllers_of(std::string_view own_cgroups) {
    Names out;
    for (auto const line : split(own_cgroups, '\n')) {
        auto const parts = split(line, ':');
        if (parts.size() < 3 || parts[1].empty()) continue;
        for (auto const name : split(parts[1], ',')) out.insert(name);
    }
    return out;
}

// What a line of mountinfo tells; of another file system, a hierarchy without a name.
CgroupHierarchy parse_line(std::string_view line, Names const& controllers) {
    auto const fields = split(line, ' ');
    CgroupHierarchy out;
    if (fields.size() <= kFirstOptionalField) return out;
    auto const dash = std::find(fields.begin() + kFirstOptionalField, fields.end(), "-");
    if (fields.end() - dash < 4) return out;
    out.root = fields[3];
    out.mount_point = fields[4];
    if (dash[1] == "cgroup2") out.controllers.emplace_back();
    if (dash[1] == "cgroup")
        for (auto const option : split(dash[3], ','))
            if (controllers.contains(option)) out.controllers.emplace_back(option);
    return out;
}

bool is_below(std::string_view path, std::string_view directory) {
    return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

CgroupMode mode_of(std::vector<CgroupHierarchy> const& all) {
    auto const is_v2 = [](CgroupHierarchy const& one) { return one.controllers.front().empty(); };
    auto const v2 = std::count_if(all.begin(), all.end(), is_v2);
    if (all.empty()) return CgroupMode::kNone;
    if (v2 == 0) return CgroupMode::kLegacy;
    return static_cast<size_t>(v2) == all.size() ? CgroupMode::kUnified : CgroupMode::kHybrid;
}

}  // namespace

CgroupHierarchies parse_cgroup_hierarchies(std::string_view mountinfo, std::string_view own_cgroups) {
    auto const controllers = controllers_of(own_cgroups);
    CgroupHierarchies out;
    for (auto const line : split(mountinfo, '\n')) {
        auto found = parse_line(line, controllers);
        if (!is_below(found.mount_point, kCgroupRoot)) continue;
        // Later in the list is over what is earlier.
        std::erase_if(out.all, [&](auto const& one) { return is_below(one.mount_point, found.mount_point); });
        auto const is_same = [&](auto const& one) { return one.controllers == found.controllers; };
        if (!found.controllers.empty() && std::none_of(out.all.begin(), out.all.end(), is_same))
            out.all.push_back(std::move(found));
    }
    out.mode = mode_of(out.all);
    return out;
}

CgroupHierarchies find_cgroup_hierarchies() {
    // Nearly every host, and the list of mounts may be long.
    struct statfs info {};
    if (::statfs(kCgroupRoot, &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC)
        return {CgroupMode::kUnified, {{kCgroupRoot, "/", {""}}}};
    auto const mountinfo = read_file("/proc/self/mountinfo", kMaxProcBytes);
    auto const own = read_file("/proc/self/cgroup", kMaxProcBytes);
    if (!mountinfo.ok() || !own.ok()) return {};
    return parse_cgroup_hierarchies(mountinfo.value(), own.value());
}

}  // namespace krun::runtime
