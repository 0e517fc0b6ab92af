// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolation/id_map.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/fd.h"
#include "runtime/isolation/child_namespace.h"

namespace krun::runtime {
namespace {

// One write(2): a map can be written once (user_namespaces(7)).
Result<void> write_map(std::string const& process, char const* file,
                       std::vector<oci::IdMapping> const& mappings) {
    std::string text;
    for (auto const& one : mappings)
        text += std::to_string(one.container_id) + " " + std::to_string(one.host_id) + " " +
                std::to_string(one.size) + "\n";
    auto const fd = TRY(open_path(process + "/" + file, O_WRONLY));
    TRY_WITH(write_full(fd.borrow(), text), std::string("write ") + file);
    return {};
}

}  // namespace

Result<UniqueFd> make_id_map(std::vector<oci::IdMapping> const& uids,
                             std::vector<oci::IdMapping> const& gids) {
    auto const child = TRY(ChildInNamespace::in_new_user_namespace());
    auto const process = "/proc/" + std::to_string(child.pid());
    TRY(write_map(process, "uid_map", uids));
    TRY(write_map(process, "gid_map", gids));
    return open_path(process + "/ns/user", O_RDONLY);
}

Result<void> map_ids(BorrowedFd tree, BorrowedFd id_map, bool recursive) {
    mount_attr attributes{.attr_set = MOUNT_ATTR_IDMAP,
                          .attr_clr = 0,
                          .propagation = 0,
                          .userns_fd = static_cast<__u64>(id_map.raw())};
    unsigned const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);
    if (::mount_setattr(tree.raw(), "", flags, &attributes, sizeof attributes) == 0) return {};
    if (errno == EINVAL)
        return fail(Error::sys("map the ids of a mount: its file system, or the kernel, does not do that"));
    return fail(Error::sys("map the ids of a mount"));
}

}  // namespace krun::runtime
