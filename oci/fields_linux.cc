// SPDX-License-Identifier: Apache-2.0
// runtime-spec config-linux.md, except `resources`.
#include "oci/fields.h"

namespace krun {
namespace {

using namespace oci;

constexpr Field<Namespace> kNamespace[] = {
    field<&Namespace::type>("type", Effect::kHostAndGuest, kRequired),
    field<&Namespace::path>("path", Effect::kHost),
};

constexpr Field<IdMapping> kIdMapping[] = {
    field<&IdMapping::container_id>("containerID", Effect::kHostAndGuest, kRequired),
    field<&IdMapping::host_id>("hostID", Effect::kHostAndGuest, kRequired),
    field<&IdMapping::size>("size", Effect::kHostAndGuest, kRequired),
};

constexpr Field<Device> kDevice[] = {
    field<&Device::type>("type", Effect::kGuest, kRequired),
    field<&Device::path>("path", Effect::kGuest, kRequired),
    field<&Device::major>("major", Effect::kGuest),
    field<&Device::minor>("minor", Effect::kGuest),
    field<&Device::file_mode>("fileMode", Effect::kGuest),
    field<&Device::uid>("uid", Effect::kGuest),
    field<&Device::gid>("gid", Effect::kGuest),
};

constexpr Field<SeccompArg> kSeccompArg[] = {
    field<&SeccompArg::index>("index", Effect::kGuest, kRequired),
    field<&SeccompArg::value>("value", Effect::kGuest, kRequired),
    field<&SeccompArg::value_two>("valueTwo", Effect::kGuest),
    field<&SeccompArg::op>("op", Effect::kGuest, kRequired),
};

constexpr Field<SeccompRule> kSeccompRule[] = {
    field<&SeccompRule::names>("names", Effect::kGuest, kRequired),
    field<&SeccompRule::action>("action", Effect::kGuest, kRequired),
    field<&SeccompRule::errno_ret>("errnoRet", Effect::kGuest),
    field<&SeccompRule::args>("args", Effect::kGuest),
};

constexpr std::string_view kNoListener = "used with SCMP_ACT_NOTIFY alone, which is refused";
constexpr Field<Seccomp> kSeccomp[] = {
    field<&Seccomp::default_action>("defaultAction", Effect::kGuest, kRequired),
    field<&Seccomp::default_errno_ret>("defaultErrnoRet", Effect::kGuest),
    field<&Seccomp::architectures>("architectures", Effect::kGuest),
    field<&Seccomp::flags>("flags", Effect::kGuest),
    field_without_member<Seccomp>("listenerPath", "string", Effect::kIgnored, kNoListener),
    field_without_member<Seccomp>("listenerMetadata", "string", Effect::kIgnored, kNoListener),
    field<&Seccomp::syscalls>("syscalls", Effect::kGuest),
};

constexpr Field<Personality> kPersonality[] = {
    field<&Personality::domain>("domain", Effect::kGuest, kRequired),
    field<&Personality::flags>("flags", Effect::kGuest),
};

constexpr Field<TimeOffset> kTimeOffset[] = {
    field<&TimeOffset::seconds>("secs", Effect::kGuest),
    field<&TimeOffset::nanoseconds>("nanosecs", Effect::kGuest),
};

constexpr Field<Linux> kLinux[] = {
    field<&Linux::namespaces>("namespaces", Effect::kHostAndGuest),
    field<&Linux::uid_mappings>("uidMappings", Effect::kGuest),
    field<&Linux::gid_mappings>("gidMappings", Effect::kGuest),
    field<&Linux::devices>("devices", Effect::kGuest),
    field<&Linux::cgroups_path>("cgroupsPath", Effect::kHost),
    field<&Linux::resources>("resources", Effect::kHostAndGuest),
    field<&Linux::rootfs_propagation>("rootfsPropagation", Effect::kGuest),
    field<&Linux::seccomp>("seccomp", Effect::kGuest),
    field<&Linux::sysctl>("sysctl", Effect::kGuest),
    field<&Linux::masked_paths>("maskedPaths", Effect::kGuest),
    field<&Linux::readonly_paths>("readonlyPaths", Effect::kGuest),
    field<&Linux::personality>("personality", Effect::kGuest),
    field_without_member<Linux>("mountLabel", "string", Effect::kIgnored,
                                "the guest kernel has no SELinux; the machine confines the payload"),
    field_without_member<Linux>("intelRdt", "object", Effect::kRefused,
                                "the machine is not placed in a resctrl group"),
    field<&Linux::time_offsets>("timeOffsets", Effect::kGuest),
    field_without_member<Linux>("netDevices", "map", Effect::kRefused,
                                "host network devices are not moved into the guest"),
    field_without_member<Linux>("memoryPolicy", "object", Effect::kRefused,
                                "the guest does not see the host's memory nodes"),
};

}  // namespace

constinit std::span<Field<Namespace> const> const FieldsOf<Namespace>::rows = kNamespace;
constinit std::span<Field<IdMapping> const> const FieldsOf<IdMapping>::rows = kIdMapping;
constinit std::span<Field<Device> const> const FieldsOf<Device>::rows = kDevice;
constinit std::span<Field<SeccompArg> const> const FieldsOf<SeccompArg>::rows = kSeccompArg;
constinit std::span<Field<SeccompRule> const> const FieldsOf<SeccompRule>::rows = kSeccompRule;
constinit std::span<Field<Seccomp> const> const FieldsOf<Seccomp>::rows = kSeccomp;
constinit std::span<Field<Personality> const> const FieldsOf<Personality>::rows = kPersonality;
constinit std::span<Field<TimeOffset> const> const FieldsOf<TimeOffset>::rows = kTimeOffset;
constinit std::span<Field<Linux> const> const FieldsOf<Linux>::rows = kLinux;

}  // namespace krun
