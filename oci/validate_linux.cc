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
        if (list[i].type == "user")
            return fail(Error(Errc::kUnsupported, at + ".type: user namespaces are not implemented"));
        if (!is_one_of(list[i].type, kNamespaceTypes))
            return fail(invalid(at + ".type", "unknown namespace type", list[i].type));
        if (linux.find_namespace(list[i].type) != &list[i])
            return fail(invalid(at + ".type", "must not be listed twice", list[i].type));
        if (!list[i].path.empty() && !is_absolute(list[i].path))
            return fail(invalid(at + ".path", "must be an absolute path", list[i].path));
    }
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
    check_namespaces, check_devices,     check_cgroups_path, check_propagation, check_paths,
    check_sysctl,     check_personality, validate_seccomp,   check_resources,
};

}  // namespace

Result<void> validate_linux(Linux const& linux) {
    for (auto const check : kChecks) TRY(check(linux));
    return {};
}

}  // namespace krun::oci
