// SPDX-License-Identifier: Apache-2.0
// runtime-spec config.md, the top level: root, mounts, hooks; and config-vm.md.
#include "oci/fields.h"

namespace krun {
namespace {

using namespace oci;

constexpr Field<Root> kRoot[] = {
    field<&Root::path>("path", Effect::kHost, kRequired),
    field<&Root::readonly>("readonly", Effect::kHostAndGuest),
};

constexpr Field<Mount> kMount[] = {
    field<&Mount::destination>("destination", Effect::kHostAndGuest, kRequired),
    field<&Mount::type>("type", Effect::kHostAndGuest),
    field<&Mount::source>("source", Effect::kHostAndGuest),
    field<&Mount::options>("options", Effect::kHostAndGuest),
    field<&Mount::uid_mappings>("uidMappings", Effect::kHost),
    field<&Mount::gid_mappings>("gidMappings", Effect::kHost),
};

constexpr Field<Hook> kHook[] = {
    field<&Hook::path>("path", Effect::kHost, kRequired),
    field<&Hook::args>("args", Effect::kHost),
    field<&Hook::env>("env", Effect::kHost),
    field<&Hook::timeout>("timeout", Effect::kHost),
};

constexpr Field<Hooks> kHooks[] = {
    field<&Hooks::prestart>("prestart", Effect::kHost),
    field<&Hooks::create_runtime>("createRuntime", Effect::kHost),
    field<&Hooks::create_container>("createContainer", Effect::kHost),
    field<&Hooks::start_container>("startContainer", Effect::kGuest),
    field<&Hooks::poststart>("poststart", Effect::kHost),
    field<&Hooks::poststop>("poststop", Effect::kHost),
};

constexpr Field<VmKernel> kVmKernel[] = {
    field<&VmKernel::path>("path", Effect::kHost, kRequired),
    field<&VmKernel::parameters>("parameters", Effect::kHost),
    field<&VmKernel::initrd>("initrd", Effect::kHost),
};

constexpr Field<VmHardware> kVmHardware[] = {
    field<&VmHardware::vcpus>("vcpus", Effect::kHost),
    field<&VmHardware::memory>("memory", Effect::kHost),
    field_without_member<VmHardware>("deviceTree", "string", Effect::kRefused,
                                     "x86-64 machines have no device tree"),
    field_without_member<VmHardware>("dtdevs", "string[]", Effect::kRefused,
                                     "host devices are not passed through"),
    field_without_member<VmHardware>("iomems", "object[]", Effect::kRefused,
                                     "host devices are not passed through"),
    field_without_member<VmHardware>("irqs", "integer[]", Effect::kRefused,
                                     "host devices are not passed through"),
};

constexpr Field<Vm> kVm[] = {
    field_without_member<Vm>("hypervisor", "object", Effect::kRefused,
                             "the runtime is its own machine monitor"),
    field<&Vm::kernel>("kernel", Effect::kHost),
    field_without_member<Vm>("image", "object", Effect::kRefused,
                             "the guest boots from the container's file system"),
    field<&Vm::hw_config>("hwConfig", Effect::kHost),
};

constexpr Field<Spec> kSpec[] = {
    field<&Spec::oci_version>("ociVersion", Effect::kHost, kRequired),
    field<&Spec::process>("process", Effect::kHostAndGuest),
    field<&Spec::root>("root", Effect::kHostAndGuest, kRequired),
    field<&Spec::hostname>("hostname", Effect::kHostAndGuest),
    field<&Spec::domainname>("domainname", Effect::kHostAndGuest),
    field<&Spec::mounts>("mounts", Effect::kHostAndGuest),
    field<&Spec::hooks>("hooks", Effect::kHost),
    field<&Spec::annotations>("annotations", Effect::kHost),
    field<&Spec::linux>("linux", Effect::kHostAndGuest),
    field<&Spec::vm>("vm", Effect::kHost),
    field_without_member<Spec>("freebsd", "object", Effect::kIgnored, "another platform's"),
    field_without_member<Spec>("solaris", "object", Effect::kIgnored, "another platform's"),
    field_without_member<Spec>("windows", "object", Effect::kIgnored, "another platform's"),
    field_without_member<Spec>("zos", "object", Effect::kIgnored, "another platform's"),
};

}  // namespace

constinit std::span<Field<Root> const> const FieldsOf<Root>::rows = kRoot;
constinit std::span<Field<Mount> const> const FieldsOf<Mount>::rows = kMount;
constinit std::span<Field<Hook> const> const FieldsOf<Hook>::rows = kHook;
constinit std::span<Field<Hooks> const> const FieldsOf<Hooks>::rows = kHooks;
constinit std::span<Field<VmKernel> const> const FieldsOf<VmKernel>::rows = kVmKernel;
constinit std::span<Field<VmHardware> const> const FieldsOf<VmHardware>::rows = kVmHardware;
constinit std::span<Field<Vm> const> const FieldsOf<Vm>::rows = kVm;
constinit std::span<Field<Spec> const> const FieldsOf<Spec>::rows = kSpec;

}  // namespace krun
