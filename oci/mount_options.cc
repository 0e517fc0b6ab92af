// SPDX-License-Identifier: Apache-2.0
#include "oci/mount_options.h"

#include "base/strings.h"
#include "oci/names.h"

namespace krun::oci {
namespace {

constexpr std::string_view kKnown[] = {
    "async",       "atime",          "bind",        "defaults",
    "dev",         "diratime",       "exec",        "idmap",
    "noatime",     "nodev",          "nodiratime",  "noexec",
    "norelatime",  "nostrictatime",  "nosuid",      "nosymfollow",
    "private",     "ratime",         "rbind",       "rdev",
    "rdiratime",   "relatime",       "rexec",       "ridmap",
    "rnoatime",    "rnodev",         "rnodiratime", "rnoexec",
    "rnorelatime", "rnostrictatime", "rnosuid",     "rnosymfollow",
    "ro",          "rprivate",       "rrelatime",   "rro",
    "rrw",         "rshared",        "rslave",      "rstrictatime",
    "rsuid",       "rsymfollow",     "runbindable", "rw",
    "shared",      "slave",          "strictatime", "suid",
    "symfollow",   "tmpcopyup",      "unbindable",
};

// They ask for what cannot be done on a mount that the guest makes anew.
constexpr std::string_view kRefused[] = {"remount"};

}  // namespace

Result<MountOptions> parse_mount_options(std::span<std::string const> options) {
    MountOptions out;
    for (std::string const& option : options) {
        if (is_one_of(option, kRefused))
            return fail(Error(Errc::kUnsupported, "mount option " + quoted(option) + " is not supported"));
        if (option.starts_with("idmap=") || option.starts_with("ridmap="))
            return fail(
                Error(Errc::kUnsupported, "mount option " + quoted(option) +
                                              " is not supported: say it with uidMappings and gidMappings"));
        if (option == "bind" || option == "rbind") out.bind = true;
        if (option == "rbind") out.recursive = true;
        if (option == "ro" || option == "rro") out.read_only = true;
        if (option == "rw" || option == "rrw") out.read_only = false;
        if (option == "rro") out.recursive_read_only = true;
        if (option == "rrw") out.recursive_read_only = false;
        if (option == "tmpcopyup") out.copy_up = true;
        if (option == "idmap" || option == "ridmap") out.id_map = true;
        if (option == "ridmap") out.recursive_id_map = true;
    }
    return out;
}

bool is_bind(Mount const& mount) {
    return mount.type == "bind" || is_one_of("bind", mount.options) || is_one_of("rbind", mount.options);
}

std::span<std::string_view const> known_mount_options() {
    return kKnown;
}

}  // namespace krun::oci
