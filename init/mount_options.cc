// SPDX-License-Identifier: Apache-2.0
#include "init/mount_options.h"

#include <string_view>

namespace krun::init {
namespace {

struct AttributeOption {
    std::string_view name;
    uint64_t set;
    uint64_t clear;
};
// The access-time mode is one value of several bits: it is cleared as a whole before it is set
// (mount_setattr(2), MOUNT_ATTR__ATIME).
constexpr AttributeOption kAttributes[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"norelatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"nostrictatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
};

struct PropagationOption {
    std::string_view name;
    unsigned long flags;
};
constexpr PropagationOption kPropagations[] = {
    {"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
    {"shared", MS_SHARED},         {"rshared", MS_SHARED | MS_REC},
    {"slave", MS_SLAVE},           {"rslave", MS_SLAVE | MS_REC},
    {"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
};

// Names that ask for what is so anyway, or that only the mount(8) program understands.
constexpr std::string_view kNothingToDo[] = {"defaults", "async", "rbind", "bind", "nolazytime", "loud"};

// Flags of the super block; everything else without '=' goes to the file system as a flag as well, so the
// list holds only what is spelled otherwise.
AttributeOption const* find_attribute(std::string_view name) {
    for (auto const& row : kAttributes)
        if (row.name == name) return &row;
    return nullptr;
}

bool take_attribute(std::string_view name, MountOptions& out) {
    if (auto const* row = find_attribute(name); row != nullptr) {
        out.attr_set = (out.attr_set & ~row->clear) | row->set;
        out.attr_clear = (out.attr_clear & ~row->set) | row->clear;
        return true;
    }
    if (name.empty() || name[0] != 'r') return false;
    auto const* row = find_attribute(name.substr(1));  // "rro", "rnosuid": runtime-spec's recursive forms
    if (row == nullptr) return false;
    out.tree_set = (out.tree_set & ~row->clear) | row->set;
    out.tree_clear = (out.tree_clear & ~row->set) | row->clear;
    return true;
}

bool take_propagation(std::string_view name, MountOptions& out) {
    for (auto const& row : kPropagations) {
        if (row.name != name) continue;
        out.propagation.push_back(row.flags);
        return true;
    }
    return false;
}

bool nothing_to_do(std::string_view name) {
    for (auto const known : kNothingToDo)
        if (known == name) return true;
    return false;
}

}  // namespace

Result<MountOptions> parse_mount_options(std::vector<std::string> const& options) {
    MountOptions out;
    for (auto const& option : options) {
        if (option == "idmap" || option == "ridmap" || option == "remount")
            return fail(
                Error(Errc::kUnsupported, "mount option \"" + option + "\" is not supported in the guest"));
        if (option == "bind" || option == "rbind") {
            out.bind = true;
            out.recursive = option == "rbind";
        }
        if (option == "tmpcopyup") {
            out.copy_up = true;
            continue;
        }
        if (option.empty() || nothing_to_do(option) || take_attribute(option, out) ||
            take_propagation(option, out))
            continue;
        auto const equals = option.find('=');
        if (equals == std::string::npos)
            out.flags.push_back(option);
        else
            out.parameters.emplace_back(option.substr(0, equals), option.substr(equals + 1));
    }
    return out;
}

}  // namespace krun::init
