// SPDX-License-Identifier: Apache-2.0
// Rules of runtime-spec config-linux.md.
#include "oci/names.h"
#include "oci/validate.h"
#include "oci/verdict.h"

namespace krun::oci {
namespace {

constexpr int64_t kMaxMajor = 4095;     // MKDEV: 12 bits
constexpr int64_t kMaxMinor = 1048575;  // 20 bits

Result<void> check_namespaces(Linux const& linux) {
    auto const& list = linux.namespaces;
    for (size_t i = 0; i < list.size(); ++i) {
        std::string const at = item("linux.namespaces", i);
        if (!is_one_of(list[i].type, kNamespaceTypes))
            return fail(invalid(at + ".type", "unknown namespace type", list[i].type));
        if (linux.find_namespace(list[i].type) != &list[i])
            return fail(invalid(at + ".type", "must not be listed twice", list[i].type));
        if (!list[i].path.empty() && !is_absolute(list[i].path))
            return fail(invalid(at + ".path", "must be an absolute path", list[i].path));
    }
    return {};
}

// REQUIRES: neither ends above 2^32-1.
bool overlap(IdMapping const& a, IdMapping const& b) {
    auto const meet = [&](uint32_t first, uint32_t second) {
        return first < second + b.size && second < first + a.size;
    };
    return meet(a.container_id, b.container_id) || meet(a.host_id, b.host_id);
}

Result<void> check_user_namespace(Linux const& linux) {
    auto const* const listed = linux.find_namespace("user");
    bool const wanted = listed != nullptr;
    // One with a path has its own; podman gives a dummy beside it.
    bool const has_own = wanted && !listed->path.empty();
    if (wanted && !has_own && (linux.uid_mappings.empty() || linux.gid_mappings.empty()))
        return fail(invalid("linux", "a user namespace needs uidMappings and gidMappings"));
    if (!wanted && (!linux.uid_mappings.empty() || !linux.gid_mappings.empty()))
        return fail(invalid("linux", "uidMappings and gidMappings need a user namespace"));
    TRY(validate_mappings(linux.uid_mappings, "linux.uidMappings"));
    return validate_mappings(linux.gid_mappings, "linux.gidMappings");
}

Result<void> check_time_offsets(Linux const& linux) {
    constexpr uint32_t kNanosecondsPerSecond = 1'000'000'000;
    for (auto const& [clock, offset] : linux.time_offsets) {
        if (!is_one_of(clock, kOffsetClocks))
            return fail(invalid("linux.timeOffsets", "must be for \"boottime\" or \"monotonic\"", clock));
        if (offset.nanoseconds >= kNanosecondsPerSecond)
            return fail(invalid("linux.timeOffsets." + clock + ".nanosecs", "must be below 1000000000",
                                offset.nanoseconds));
    }
    auto const* const ns = linux.find_namespace("time");
    if (!linux.time_offsets.empty() && (ns == nullptr || !ns->path.empty()))
        return fail(invalid("linux.timeOffsets", "need a new time namespace"));
    return {};
}

Result<void> check_devices(Linux const& linux) {
    for (size_t i = 0; i < linux.devices.size(); ++i) {
        Device const& device = linux.devices[i];
        std::string const at = item("linux.devices", i);
        static constexpr std::string_view kTypes[] = {"b", "c", "p", "u"};
        if (!is_one_of(device.type, kTypes))
            return fail(invalid(at + ".type", "must be \"b\", \"c\", \"p\" or \"u\"", device.type));
        if (!is_absolute(device.path))
            return fail(invalid(at + ".path", "must be an absolute path", device.path));
        if (device.major < 0 || device.major > kMaxMajor || device.minor < 0 || device.minor > kMaxMinor)
            return fail(invalid(at, "major must be from 0 to 4095 and minor from 0 to 1048575",
                                std::to_string(device.major) + ":" + std::to_string(device.minor)));
    }
    return {};
}

// A path that leads out of the hierarchy would let the container's limits be another's.
Result<void> check_cgroups_path(Linux const& linux) {
    if (has_dot_dot(linux.cgroups_path))
        return fail(invalid("linux.cgroupsPath", "must not have a \"..\" component", linux.cgroups_path));
    return {};
}

Result<void> check_propagation(Linux const& linux) {
    if (linux.rootfs_propagation.empty() || is_one_of(linux.rootfs_propagation, kPropagations)) return {};
    return fail(invalid("linux.rootfsPropagation", "unknown propagation", linux.rootfs_propagation));
}

Result<void> check_paths(Linux const& linux) {
    for (size_t i = 0; i < linux.masked_paths.size(); ++i)
        if (!is_absolute(linux.masked_paths[i]))
            return fail(
                invalid(item("linux.maskedPaths", i), "must be an absolute path", linux.masked_paths[i]));
    for (size_t i = 0; i < linux.readonly_paths.size(); ++i)
        if (!is_absolute(linux.readonly_paths[i]))
            return fail(
                invalid(item("linux.readonlyPaths", i), "must be an absolute path", linux.readonly_paths[i]));
    return {};
}

// sysctl.d(5) allows both separators, which may swap roles; either way it becomes a path below /proc/sys.
Result<void> check_sysctl(Linux const& linux) {
    for (auto const& [name, value] : linux.sysctl)
        if (name.empty() || is_absolute(name) || has_dot_dot(name) || name.find("..") != std::string::npos)
            return fail(invalid("linux.sysctl", "must be named like \"net.ipv4.ip_forward\"", name));
    return {};
}

Result<void> check_personality(Linux const& linux) {
    if (!linux.personality) return {};
    auto const& [domain, flags] = *linux.personality;
    if (domain != "LINUX" && domain != "LINUX32")
        return fail(invalid("linux.personality.domain", "must be \"LINUX\" or \"LINUX32\"", domain));
    if (!flags.empty()) return fail(invalid("linux.personality.flags", "unknown flag", flags[0]));
    return {};
}

Result<void> check_resources(Linux const& linux) {
    if (!linux.resources) return {};
    return validate_resources(*linux.resources, "linux.resources");
}

constexpr Result<void> (*kChecks[])(Linux const&) = {
    check_namespaces,   check_user_namespace, check_time_offsets, check_devices,
    check_cgroups_path, check_propagation,    check_paths,        check_sysctl,
    check_personality,  validate_seccomp,     check_resources,
};

}  // namespace

// The kernel's own rules for /proc/PID/uid_map, told in config.json's terms (user_namespaces(7)).
Result<void> validate_mappings(std::vector<IdMapping> const& mappings, std::string const& path) {
    constexpr size_t kMaxMappings = 340;
    if (mappings.size() > kMaxMappings)
        return fail(invalid(path, "must have at most 340 elements", mappings.size()));
    for (size_t i = 0; i < mappings.size(); ++i) {
        auto const& one = mappings[i];
        if (one.size == 0 || one.container_id > UINT32_MAX - one.size || one.host_id > UINT32_MAX - one.size)
            return fail(
                invalid(item(path, i) + ".size", "must be above 0 and end below 4294967295", one.size));
        for (size_t k = 0; k < i; ++k)
            if (overlap(one, mappings[k]))
                return fail(invalid(item(path, i), "must not overlap another mapping"));
    }
    return {};
}

Result<void> validate_linux(Linux const& linux) {
    for (auto const check : kChecks) TRY(check(linux));
    return {};
}

}  // namespace krun::oci
