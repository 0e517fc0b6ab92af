// SPDX-License-Identifier: Apache-2.0
#include "init/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <set>
#include <string_view>

#include "base/fd.h"

namespace krun::init {
namespace {

Result<void> write_file(BorrowedFd dir, std::string const& name, std::string const& value) {
    auto const file = TRY(open_at(dir, name, O_WRONLY));
    return write_full(file.borrow(), value);
}

}  // namespace

std::string controllers_of(std::map<std::string, std::string> const& limits) {
    std::set<std::string_view> names;
    for (auto const& limit : limits) {
        std::string_view const file(limit.first);
        // "cgroup.type" and the like are the core's and need no controller (cgroup-v2.rst, Core Interface
        // Files).
        if (!file.starts_with("cgroup.")) names.insert(file.substr(0, file.find('.')));
    }
    std::string out;
    for (auto const name : names) out += (out.empty() ? "+" : " +") + std::string(name);
    return out;
}

Result<UniqueFd> create_payload_cgroup(std::string const& hierarchy,
                                       std::map<std::string, std::string> const& limits) {
    auto const top = TRY(open_path(hierarchy, O_RDONLY | O_DIRECTORY));
    if (auto const controllers = controllers_of(limits); !controllers.empty())
        TRY_WITH(write_file(top.borrow(), "cgroup.subtree_control", controllers),
                 "cgroup controllers " + controllers);
    if (::mkdirat(top.borrow().raw(), "payload", 0755) < 0 && errno != EEXIST)
        return fail(Error::sys("create the payload's cgroup"));
    auto payload = TRY(open_at(top.borrow(), "payload", O_RDONLY | O_DIRECTORY));
    for (auto const& [name, value] : limits)
        TRY_WITH(write_file(payload.borrow(), name, value), "cgroup " + name);
    return payload;
}

}  // namespace krun::init
