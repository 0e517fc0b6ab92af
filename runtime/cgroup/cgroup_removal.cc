// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/cgroup_removal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/strings.h"
#include "runtime/cgroup/cgroup_hierarchies.h"
#include "runtime/cgroup/freezer.h"
#include "runtime/host/process_identity.h"

namespace krun::runtime {
namespace {

using namespace std::chrono_literals;
constexpr auto kPatience = 2000ms;
constexpr auto kPause = 5ms;

// By hand, because cgroup directories cannot be removed as files are; children first.
Result<void> remove_tree(BorrowedFd parent, std::string const& name) {
    auto directory = open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!directory.ok()) {
        if (directory.error().sys_errno() == ENOENT) return {};
        return fail(std::move(directory).error());
    }
    auto listing = TRY(open_at(directory.value().borrow(), ".", O_RDONLY | O_DIRECTORY));
    std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(listing.borrow().raw()), ::closedir);
    if (!entries) return fail(Error::sys("list cgroup " + name));
    static_cast<void>(listing.release());  // it is closed with the stream
    while (dirent const* entry = ::readdir(entries.get())) {
        std::string_view const child = entry->d_name;
        if (entry->d_type == DT_DIR && child != "." && child != "..")
            TRY(remove_tree(directory.value().borrow(), std::string(child)));
    }
    if (::unlinkat(parent.raw(), name.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT)
        return fail(Error::sys("remove cgroup " + name));
    return {};
}

void remove_empty_default_parent(std::string const& parent) {
    if (!parent.ends_with(kDefaultCgroupParent)) return;
    for (auto const& hierarchy : find_cgroup_hierarchies().all)
        if (parent == hierarchy.mount_point + kDefaultCgroupParent)
            ignore(::rmdir(parent.c_str()), "another container may be in it");
}

Result<void> remove_place(std::string const& path) {
    if (!path.starts_with(std::string(kCgroupRoot) + "/"))
        return fail(Error(Errc::kInternal, "not a cgroup path: " + quoted(path)));
    auto const slash = path.rfind('/');
    auto const parent = path.substr(0, slash);
    auto const directory = open_path(parent, O_RDONLY | O_DIRECTORY);
    if (!directory.ok()) return {};  // gone with its parent
    TRY(remove_tree(directory.value().borrow(), path.substr(slash + 1)));
    remove_empty_default_parent(parent);
    return {};
}

// Each by a descriptor that is its own still when it is found in the cgroup once more: a number may be
// another process's by the time it is used.
void kill_each(Cgroup const& cgroup, std::vector<pid_t> const& members) {
    for (pid_t const pid : members) {
        UniqueFd const process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
        auto const now = cgroup.members();
        if (process.valid() && std::find(now.begin(), now.end(), pid) != now.end())
            ignore(send_signal(process.borrow(), SIGKILL), "then it is busy, and stays");
    }
    if (is_frozen(cgroup)) ignore(thaw(cgroup), "then it is busy, and stays");  // v1's frozen cannot die
}

// What is left in it: processes that stood for executed ones. One that we are in is no container's.
void kill_members(Cgroup const& cgroup) {
    auto const members = cgroup.members();
    if (std::find(members.begin(), members.end(), ::getpid()) != members.end()) return;
    if (!cgroup.write("cgroup.kill", "1").ok()) kill_each(cgroup, members);
}

}  // namespace

Result<void> remove_cgroup(Cgroup const& cgroup) {
    // A process that has just died may hold its cgroup for a moment.
    auto const give_up = std::chrono::steady_clock::now() + kPatience;
    while (true) {
        kill_members(cgroup);
        Result<void> removed;
        for (auto const& path : cgroup.places()) {
            removed = remove_place(path);
            if (!removed.ok()) break;
        }
        bool const is_busy = !removed.ok() && removed.error().sys_errno() == EBUSY;
        if (!is_busy || std::chrono::steady_clock::now() > give_up) return removed;
        std::this_thread::sleep_for(kPause);
    }
}

Result<void> end_scope_cgroup(Cgroup const& cgroup) {
    kill_members(cgroup);
    // systemd's own hierarchy: the one of v2, or the one of its name.
    auto const& all = cgroup.directories();
    auto const named = all.find("name=systemd");
    auto const path = named != all.end() ? named->second : all.empty() ? "" : all.begin()->second;
    for (auto waited = 0ms; waited < kPatience && ::access(path.c_str(), F_OK) == 0; waited += kPause)
        std::this_thread::sleep_for(kPause);
    return remove_cgroup(cgroup);
}

}  // namespace krun::runtime
