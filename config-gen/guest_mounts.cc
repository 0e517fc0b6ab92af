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

std::optional<guest::SocketSource> socket_at(std::string const& source) {
    struct stat st {};
    if (!source.starts_with('/') || ::stat(source.c_str(), &st) < 0 || !S_ISSOCK(st.st_mode))
        return std::nullopt;
    return guest::SocketSource{st.st_mode & 07777, st.st_uid, st.st_gid};
}

guest::Mount guest_mount(oci::Mount const& mount, bool bind) {
    return {mount.destination, bind ? "bind" : mount.type, mount.source, mount.options, {}};
}

// Without it a payload would find the image's /dev, or none (runtime-linux.md#dev-symbolic-links and
// config-linux.md#default-devices ask for its content); the image itself is not written to.
guest::Mount default_dev() {
    return {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}, {}};
}

// The host maps them; for the guest it is a bind mount like others. Without maps of its own it has the
// container's.
void map_source_ids(oci::Mount const& mount, oci::Linux const& linux, guest::Mount& out, BindSource& source) {
    bool const has_own = !mount.uid_mappings.empty();
    auto const is_id_map = [](std::string const& option) { return option == "idmap" || option == "ridmap"; };
    source.recursive_ids = has_option(mount, "ridmap");
    if (std::erase_if(out.options, is_id_map) == 0 && !has_own) return;
    source.uid_mappings = has_own ? mount.uid_mappings : linux.uid_mappings;
    source.gid_mappings = has_own ? mount.gid_mappings : linux.gid_mappings;
}

Result<void> add_bind(oci::Spec const& spec, size_t index, GuestMounts& plan) {
    auto const& mount = spec.mounts[index];
    std::string const where = "mounts[" + std::to_string(index) + "]";
    if (mount.source.empty())
        return fail(Error(Errc::kInvalidConfig, where + ".source: required field is missing"));
    auto out = guest_mount(mount, /*bind=*/true);
    if (!is_guests_own(mount.source)) {
        out.source = bind_source_path(plan.binds.size());
        out.socket = socket_at(mount.source);
        BindSource source{mount.source, index, has_option(mount, "rbind")};
        source.socket = out.socket.has_value();
        source.readonly = is_readonly(mount);
        map_source_ids(mount, spec.linux, out, source);
        plan.binds.push_back(std::move(source));
    }
    plan.mounts.push_back(std::move(out));
    return {};
}

// Options of an overlay that mount(8) gives to the file system (overlayfs.rst), beside those of every mount.
bool is_overlays_own(std::string_view option) {
    static constexpr std::string_view kOwn[] = {"index",        "lowerdir", "metacopy",  "nfs_export",
                                                "redirect_dir", "upperdir", "userxattr", "uuid",
                                                "volatile",     "workdir",  "xino"};
    auto const name = option.substr(0, option.find('='));
    return std::find(std::begin(kOwn), std::end(kOwn), name) != std::end(kOwn);
}

// Its directories are the host's, so the host stacks them; the guest gets the result like a bind mount.
void add_overlay(oci::Mount const& mount, size_t index, GuestMounts& plan) {
    guest::Mount out{mount.destination, "bind", bind_source_path(plan.binds.size()), {}, {}};
    BindSource source{"overlay", index};
    source.readonly = is_readonly(mount);
    for (auto const& option : mount.options)
        (is_overlays_own(option) ? source.overlay : out.options).push_back(option);
    plan.binds.push_back(std::move(source));
    plan.mounts.push_back(std::move(out));
}

}  // namespace

std::string bind_source_path(size_t number) {
    return "/binds/" + std::to_string(number);
}

Result<GuestMounts> guest_mounts(oci::Spec const& spec) {
    auto const& mounts = spec.mounts;
    GuestMounts plan;
    bool const has_dev = std::any_of(mounts.begin(), mounts.end(), [](oci::Mount const& mount) {
        return mount.destination == "/dev" || mount.destination == "/dev/";
    });
    if (!has_dev) plan.mounts.push_back(default_dev());
    for (size_t i = 0; i < mounts.size(); ++i) {
        if (is_bind(mounts[i]))
            TRY(add_bind(spec, i, plan));
        else if (mounts[i].type == "overlay")
            add_overlay(mounts[i], i, plan);
        else
            plan.mounts.push_back(guest_mount(mounts[i], /*bind=*/false));
    }
    return plan;
}

void map_owner_options(std::vector<guest::Mount>& mounts, guest::Krun const& krun) {
    auto const map = [](std::string& option, std::string_view name,
                        std::vector<guest::IdMapping> const& ids) {
        if (!option.starts_with(name)) return;
        auto const id = parse_uint64(std::string_view(option).substr(name.size()));
        if (id && *id <= UINT32_MAX)
            option = std::string(name) + std::to_string(guest::machine_id(ids, static_cast<uint32_t>(*id)));
    };
    for (auto& mount : mounts) {
        if (mount.type == "bind") continue;
        for (auto& option : mount.options) {
            map(option, "uid=", krun.uid_mappings);
            map(option, "gid=", krun.gid_mappings);
        }
    }
}

}  // namespace krun
