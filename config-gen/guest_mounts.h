// SPDX-License-Identifier: Apache-2.0
// The `mounts` of the guest's config: those of config.json in their order, bind sources renamed to where the
// boot tree holds them.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config-gen/krun_config.h"
#include "oci/annotations.h"
#include "oci/spec.h"

namespace krun {

// Number N of them must be grafted at bind_source_path(N) in the boot tree.
struct BindSource {
    std::string path;  // on the host, as config.json writes it; a relative one is relative to the bundle
    size_t mount = 0;  // index in spec.mounts
    bool recursive = false;  // mounts below `path` belong to it
    bool socket = false;     // a unix socket, which is not grafted: init has one of its own in its place
    bool readonly = false;   // nothing lets the payload write: the file server can refuse it, too
    // Not empty: an overlay of the host's directories, to be mounted on the host with these options.
    std::vector<std::string> overlay{};
    // Not empty: whose it is on the host's disk (containerID), and whose for the machine (hostID).
    std::vector<oci::IdMapping> uid_mappings{};
    std::vector<oci::IdMapping> gid_mappings{};
    bool recursive_ids = false;
    std::optional<oci::BudgetAnnotation> budget{};
};

// What the guest's config calls source number N, "/binds/N": where the boot tree holds it.
std::string bind_source_path(size_t number);

struct GuestMounts {
    std::vector<guest::Mount> mounts;
    std::vector<BindSource> binds;
};

// Errors name the JSON path. Looks at the host only to see whether a source is a device node below /dev, or a
// unix socket.
Result<GuestMounts> guest_mounts(oci::Spec const& spec);

// The options uid= and gid= of fresh file systems name ids of the container; they become the machine's, whose
// root makes the mounts.
void map_owner_options(std::vector<guest::Mount>& mounts, guest::Krun const& krun);

}  // namespace krun
