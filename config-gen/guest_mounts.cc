// SPDX-License-Identifier: Apache-2.0
#include "config-gen/guest_mounts.h"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "base/strings.h"

namespace krun {
namespace {

bool has_option(oci::Mount const& mount, std::string_view name) {
    return std::find(mount.options.begin(), mount.options.end(), name) != mount.options.end();
}

bool is_bind(oci::Mount const& mount) {
    return mount.type == "bind" || has_option(mount, "bind") || has_option(mount, "rbind");
}

bool is_at_or_below(std::string_view path, std::string_view top) {
    return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/');
}

// The kernel's own file systems describe the kernel that one runs on, and a device node means nothing across
// the boundary: such sources are the guest's, by the same name in the boot tree.
bool is_guests_own(std::string const& source) {
    if (is_at_or_below(source, "/proc") || is_at_or_below(source, "/sys")) return true;
    if (!is_at_or_below(source, "/dev")) return false;
    struct stat st {};
    return ::stat(source.c_str(), &st) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
}

bool is_readonly(oci::Mount const& mount) {
    bool readonly = false;
    for (auto const& option : mount.options) {
        if (option == "ro" || option == "rro") readonly = true;
        if (option == "rw" || option == "rrw") readonly = false;
    }
    return readonly;
}

guest::Mount guest_mount(oci::Mount const& mount, bool bind) {
    return {mount.destination, bind ? "bind" : mount.type, mount.source, mount.options};
}

// Without it a payload would find the image's /dev, or none (runtime-linux.md#dev-symbolic-links and
// config-linux.md#default-devices ask for its content); the image itself is not written to.
guest::Mount default_dev() {
    return {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}};
}

Result<void> add_bind(oci::Mount const& mount, size_t index, GuestMounts& plan) {
    std::string const where = "mounts[" + std::to_string(index) + "]";
    if (has_option(mount, "idmap") || has_option(mount, "ridmap"))
        return fail(Error(Errc::kUnsupported, where + ".options: id-mapped mounts are not supported"));
    if (mount.source.empty())
        return fail(Error(Errc::kInvalidConfig, where + ".source: required field is missing"));
    auto out = guest_mount(mount, /*bind=*/true);
    if (!is_guests_own(mount.source)) {
        out.source = "/binds/" + std::to_string(plan.binds.size());
        plan.binds.push_back({mount.source, index, has_option(mount, "rbind"), is_readonly(mount)});
    }
    plan.mounts.push_back(std::move(out));
    return {};
}

}  // namespace

Result<GuestMounts> guest_mounts(std::vector<oci::Mount> const& mounts) {
    GuestMounts plan;
    bool const has_dev = std::any_of(mounts.begin(), mounts.end(), [](oci::Mount const& mount) {
        return mount.destination == "/dev" || mount.destination == "/dev/";
    });
    if (!has_dev) plan.mounts.push_back(default_dev());
    for (size_t i = 0; i < mounts.size(); ++i) {
        if (is_bind(mounts[i]))
            TRY(add_bind(mounts[i], i, plan));
        else
            plan.mounts.push_back(guest_mount(mounts[i], /*bind=*/false));
    }
    return plan;
}

}  // namespace krun
