// SPDX-License-Identifier: Apache-2.0
// Rules of runtime-spec config.md outside `process` and `linux`, and of config-vm.md.
#include "oci/validate.h"

#include <algorithm>

#include "oci/annotations.h"
#include "oci/mount_options.h"
#include "oci/verdict.h"

namespace krun::oci {
namespace {

constexpr size_t kMaxHostname = 64;  // utsname(2): __NEW_UTS_LEN
constexpr uint32_t kMaxVcpus = 64;
constexpr uint64_t kMinRamBytes = uint64_t{64} << 20;

// Semantic versioning: all of 1.x says nothing that we would read wrongly.
Result<void> check_version(Spec const& spec) {
    auto const parts = split(spec.oci_version, '.');
    if (parts.size() >= 3 && parts[0] == "1" && parse_uint64(parts[1])) return {};
    return fail(invalid("ociVersion", "must be a version 1.x.y", spec.oci_version));
}

Result<void> check_root(Spec const& spec) {
    if (spec.root.path.empty()) return fail(invalid("root.path", "must not be empty"));
    return {};
}

Result<void> check_process(Spec const& spec) {
    if (!spec.process) return {};
    return validate_process(*spec.process, "process");
}

Result<void> check_names(Spec const& spec) {
    if (spec.hostname.size() > kMaxHostname)
        return fail(invalid("hostname", "must be at most 64 bytes", spec.hostname));
    if (spec.domainname.size() > kMaxHostname)
        return fail(invalid("domainname", "must be at most 64 bytes", spec.domainname));
    return {};
}

// runtime-spec config.md#posix-platform-mounts. The option alone means the container's own maps.
Result<void> check_id_maps(Spec const& spec, Mount const& mount, MountOptions const& options,
                           std::string const& at) {
    bool const has_maps = !mount.uid_mappings.empty();
    if (has_maps == mount.gid_mappings.empty())
        return fail(invalid(at, "must have both uidMappings and gidMappings, or neither"));
    if (!has_maps && !options.id_map) return {};
    if (!is_bind(mount)) return fail(invalid(at, "must be a bind mount for its ids to be mapped"));
    if (!has_maps && spec.linux.find_namespace("user") == nullptr)
        return fail(
            invalid(at + ".options", "\"idmap\" needs uidMappings and gidMappings or a user namespace"));
    TRY(validate_mappings(mount.uid_mappings, at + ".uidMappings"));
    return validate_mappings(mount.gid_mappings, at + ".gidMappings");
}

Result<void> check_mounts(Spec const& spec) {
    for (size_t i = 0; i < spec.mounts.size(); ++i) {
        Mount const& mount = spec.mounts[i];
        std::string const at = item("mounts", i);
        if (!is_absolute(mount.destination))
            return fail(invalid(at + ".destination", "must be an absolute path", mount.destination));
        auto const options = TRY_WITH(parse_mount_options(mount.options), at + ".options");
        if (is_bind(mount) && mount.source.empty())
            return fail(invalid(at + ".source", "must not be empty for a bind mount"));
        if (!is_bind(mount) && mount.type.empty())
            return fail(invalid(at + ".type", "must not be empty unless it is a bind mount"));
        TRY(check_id_maps(spec, mount, options, at));
        if (options.copy_up && mount.type != "tmpfs")
            return fail(invalid(at + ".options", "\"tmpcopyup\" needs the type \"tmpfs\"", mount.type));
    }
    return {};
}

Result<void> check_hook_list(std::vector<Hook> const& hooks, std::string const& path) {
    for (size_t i = 0; i < hooks.size(); ++i) {
        if (!is_absolute(hooks[i].path))
            return fail(invalid(item(path, i) + ".path", "must be an absolute path", hooks[i].path));
        if (hooks[i].timeout.value_or(1) <= 0)
            return fail(invalid(item(path, i) + ".timeout", "must be a number of seconds above 0",
                                *hooks[i].timeout));
    }
    return {};
}

Result<void> check_hooks(Spec const& spec) {
    TRY(check_hook_list(spec.hooks.prestart, "hooks.prestart"));
    TRY(check_hook_list(spec.hooks.create_runtime, "hooks.createRuntime"));
    TRY(check_hook_list(spec.hooks.create_container, "hooks.createContainer"));
    TRY(check_hook_list(spec.hooks.start_container, "hooks.startContainer"));
    TRY(check_hook_list(spec.hooks.poststart, "hooks.poststart"));
    return check_hook_list(spec.hooks.poststop, "hooks.poststop");
}

Result<void> check_linux(Spec const& spec) {
    return validate_linux(spec.linux);
}

// The kernel refuses fork(2) to a task of that policy (sched(7)), and so to what sets up these two.
Result<void> check_deadline(Spec const& spec) {
    bool const forks = !spec.linux.uid_mappings.empty() || !spec.hooks.start_container.empty();
    if (!forks || !spec.process || !spec.process->scheduler) return {};
    auto const& flags = spec.process->scheduler->flags;
    if (spec.process->scheduler->policy != "SCHED_DEADLINE" ||
        std::find(flags.begin(), flags.end(), "SCHED_FLAG_RESET_ON_FORK") != flags.end())
        return {};
    return fail(invalid("process.scheduler",
                        "SCHED_DEADLINE with a user namespace or startContainer hooks needs "
                        "SCHED_FLAG_RESET_ON_FORK"));
}

Result<void> check_annotations(Spec const& spec) {
    ignore(TRY(read_annotations(spec.annotations)), "only whether it can be read counts here");
    return {};
}

Result<void> check_kernel(VmKernel const& kernel) {
    if (!is_absolute(kernel.path))
        return fail(invalid("vm.kernel.path", "must be an absolute path", kernel.path));
    if (!kernel.initrd.empty() && !is_absolute(kernel.initrd))
        return fail(invalid("vm.kernel.initrd", "must be an absolute path", kernel.initrd));
    for (size_t i = 0; i < kernel.parameters.size(); ++i)
        if (!is_kernel_parameter(kernel.parameters[i]))
            return fail(invalid("vm.kernel.parameters[" + std::to_string(i) + "]",
                                "must be printable characters without spaces and quotes",
                                kernel.parameters[i]));
    return {};
}

Result<void> check_vm(Spec const& spec) {
    if (!spec.vm) return {};
    if (spec.vm->kernel) TRY(check_kernel(*spec.vm->kernel));
    if (!spec.vm->hw_config) return {};
    auto const& [vcpus, memory] = *spec.vm->hw_config;
    if (vcpus && (*vcpus == 0 || *vcpus > kMaxVcpus))
        return fail(invalid("vm.hwConfig.vcpus", "must be from 1 to 64", *vcpus));
    if (memory && *memory < kMinRamBytes)
        return fail(invalid("vm.hwConfig.memory", "must be at least 67108864 bytes", *memory));
    return {};
}

constexpr Result<void> (*kChecks[])(Spec const&) = {
    check_version, check_root,  check_process,  check_names,       check_mounts,
    check_hooks,   check_linux, check_deadline, check_annotations, check_vm,
};

}  // namespace

Result<void> validate(Spec const& spec) {
    for (auto const check : kChecks) TRY(check(spec));
    return {};
}

}  // namespace krun::oci
