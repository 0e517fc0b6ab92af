// SPDX-License-Identifier: Apache-2.0
// runtime-spec config-linux.md#control-groups: limits of the host's cgroup around the machine, and of the
// payload's own in the guest. What only cgroup v1 has is ignored, with a note.
#include "oci/fields.h"

namespace krun {
namespace {

using namespace oci;

constexpr std::string_view kOnlyV1 = "cgroup v1 only";

constexpr Field<DeviceRule> kDeviceRule[] = {
    field<&DeviceRule::allow>("allow", Effect::kIgnored, kRequired, "see linux.resources.devices"),
    field<&DeviceRule::type>("type", Effect::kIgnored, kOptional, "see linux.resources.devices"),
    field<&DeviceRule::major>("major", Effect::kIgnored, kOptional, "see linux.resources.devices"),
    field<&DeviceRule::minor>("minor", Effect::kIgnored, kOptional, "see linux.resources.devices"),
    field<&DeviceRule::access>("access", Effect::kIgnored, kOptional, "see linux.resources.devices"),
};

constexpr Field<MemoryLimits> kMemory[] = {
    field<&MemoryLimits::limit>("limit", Effect::kHostAndGuest),
    field<&MemoryLimits::reservation>("reservation", Effect::kHostAndGuest),
    field<&MemoryLimits::swap>("swap", Effect::kHostAndGuest),
    field<&MemoryLimits::kernel>("kernel", Effect::kIgnored, kOptional, kOnlyV1),
    field<&MemoryLimits::kernel_tcp>("kernelTCP", Effect::kIgnored, kOptional, kOnlyV1),
    field<&MemoryLimits::swappiness>("swappiness", Effect::kIgnored, kOptional, kOnlyV1),
    field<&MemoryLimits::disable_oom_killer>("disableOOMKiller", Effect::kIgnored, kOptional, kOnlyV1),
    field<&MemoryLimits::use_hierarchy>("useHierarchy", Effect::kIgnored, kOptional, kOnlyV1),
    field<&MemoryLimits::check_before_update>("checkBeforeUpdate", Effect::kHost),
};

constexpr Field<CpuLimits> kCpu[] = {
    field<&CpuLimits::shares>("shares", Effect::kHostAndGuest),
    field<&CpuLimits::quota>("quota", Effect::kHostAndGuest),
    field<&CpuLimits::burst>("burst", Effect::kHostAndGuest),
    field<&CpuLimits::period>("period", Effect::kHostAndGuest),
    field<&CpuLimits::realtime_runtime>("realtimeRuntime", Effect::kIgnored, kOptional, kOnlyV1),
    field<&CpuLimits::realtime_period>("realtimePeriod", Effect::kIgnored, kOptional, kOnlyV1),
    field<&CpuLimits::cpus>("cpus", Effect::kHostAndGuest),
    field<&CpuLimits::mems>("mems", Effect::kHost),
    field<&CpuLimits::idle>("idle", Effect::kHostAndGuest),
};

constexpr Field<PidsLimit> kPids[] = {
    field<&PidsLimit::limit>("limit", Effect::kGuest, kRequired),
};

constexpr Field<DeviceWeight> kDeviceWeight[] = {
    field<&DeviceWeight::major>("major", Effect::kHost, kRequired),
    field<&DeviceWeight::minor>("minor", Effect::kHost, kRequired),
    field<&DeviceWeight::weight>("weight", Effect::kHost),
    field<&DeviceWeight::leaf_weight>("leafWeight", Effect::kIgnored, kOptional, kOnlyV1),
};

constexpr Field<DeviceRate> kDeviceRate[] = {
    field<&DeviceRate::major>("major", Effect::kHost, kRequired),
    field<&DeviceRate::minor>("minor", Effect::kHost, kRequired),
    field<&DeviceRate::rate>("rate", Effect::kHost, kRequired),
};

constexpr Field<BlockIo> kBlockIo[] = {
    field<&BlockIo::weight>("weight", Effect::kHost),
    field<&BlockIo::leaf_weight>("leafWeight", Effect::kIgnored, kOptional, kOnlyV1),
    field<&BlockIo::weight_device>("weightDevice", Effect::kHost),
    field<&BlockIo::throttle_read_bps_device>("throttleReadBpsDevice", Effect::kHost),
    field<&BlockIo::throttle_write_bps_device>("throttleWriteBpsDevice", Effect::kHost),
    field<&BlockIo::throttle_read_iops_device>("throttleReadIOPSDevice", Effect::kHost),
    field<&BlockIo::throttle_write_iops_device>("throttleWriteIOPSDevice", Effect::kHost),
};

constexpr std::string_view kNoHugepages = "guest memory takes no pages of hugetlbfs";
constexpr Field<HugepageLimit> kHugepageLimit[] = {
    field<&HugepageLimit::page_size>("pageSize", Effect::kIgnored, kRequired, kNoHugepages),
    field<&HugepageLimit::limit>("limit", Effect::kIgnored, kRequired, kNoHugepages),
};

constexpr Field<InterfacePriority> kInterfacePriority[] = {
    field<&InterfacePriority::name>("name", Effect::kIgnored, kRequired, kOnlyV1),
    field<&InterfacePriority::priority>("priority", Effect::kIgnored, kRequired, kOnlyV1),
};

constexpr Field<NetworkLimits> kNetwork[] = {
    field<&NetworkLimits::class_id>("classID", Effect::kIgnored, kOptional, kOnlyV1),
    field<&NetworkLimits::priorities>("priorities", Effect::kIgnored, kOptional, kOnlyV1),
};

constexpr std::string_view kNoRdma = "the guest has no RDMA device";
constexpr Field<RdmaLimit> kRdma[] = {
    field<&RdmaLimit::hca_handles>("hcaHandles", Effect::kIgnored, kOptional, kNoRdma),
    field<&RdmaLimit::hca_objects>("hcaObjects", Effect::kIgnored, kOptional, kNoRdma),
};

constexpr Field<Resources> kResources[] = {
    field<&Resources::devices>("devices", Effect::kIgnored, kOptional,
                               "the guest has no device of the host that a rule could guard"),
    field<&Resources::memory>("memory", Effect::kHostAndGuest),
    field<&Resources::cpu>("cpu", Effect::kHostAndGuest),
    field<&Resources::pids>("pids", Effect::kGuest),
    field<&Resources::block_io>("blockIO", Effect::kHost),
    field<&Resources::hugepage_limits>("hugepageLimits", Effect::kIgnored, kOptional, kNoHugepages),
    field<&Resources::network>("network", Effect::kIgnored, kOptional, kOnlyV1),
    field<&Resources::rdma>("rdma", Effect::kIgnored, kOptional, kNoRdma),
    field<&Resources::unified>("unified", Effect::kHostAndGuest),
};

}  // namespace

constinit std::span<Field<DeviceRule> const> const FieldsOf<DeviceRule>::rows = kDeviceRule;
constinit std::span<Field<MemoryLimits> const> const FieldsOf<MemoryLimits>::rows = kMemory;
constinit std::span<Field<CpuLimits> const> const FieldsOf<CpuLimits>::rows = kCpu;
constinit std::span<Field<PidsLimit> const> const FieldsOf<PidsLimit>::rows = kPids;
constinit std::span<Field<DeviceWeight> const> const FieldsOf<DeviceWeight>::rows = kDeviceWeight;
constinit std::span<Field<DeviceRate> const> const FieldsOf<DeviceRate>::rows = kDeviceRate;
constinit std::span<Field<BlockIo> const> const FieldsOf<BlockIo>::rows = kBlockIo;
constinit std::span<Field<HugepageLimit> const> const FieldsOf<HugepageLimit>::rows = kHugepageLimit;
constinit std::span<Field<InterfacePriority> const> const FieldsOf<InterfacePriority>::rows =
    kInterfacePriority;
constinit std::span<Field<NetworkLimits> const> const FieldsOf<NetworkLimits>::rows = kNetwork;
constinit std::span<Field<RdmaLimit> const> const FieldsOf<RdmaLimit>::rows = kRdma;
constinit std::span<Field<Resources> const> const FieldsOf<Resources>::rows = kResources;

}  // namespace krun
