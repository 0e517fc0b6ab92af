// SPDX-License-Identifier: Apache-2.0
#include "init/namespaces.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/stat.h>

#include <string>

#include "base/fd.h"
#include "base/strings.h"

namespace krun::init {
namespace {

struct Namespace {
    char const* name;
    int flag;
};
constexpr Namespace kNamespaces[] = {
    {"pid", CLONE_NEWPID},       {"mnt", CLONE_NEWNS},  {"ipc", CLONE_NEWIPC},   {"uts", CLONE_NEWUTS},
    {"cgroup", CLONE_NEWCGROUP}, {"net", CLONE_NEWNET}, {"time", CLONE_NEWTIME},
};

Result<std::string> pid_of(BorrowedFd process) {
    constexpr std::string_view kField = "Pid:\t";
    auto const text = TRY(read_file("/proc/self/fdinfo/" + std::to_string(process.raw()), 4096));
    for (auto const line : split(text, '\n'))
        if (line.starts_with(kField)) return std::string(line.substr(kField.size()));
    return fail(Error(Errc::kInternal, "no pid of a pidfd"));
}

// A kernel without that kind of namespace has no such file.
bool differs(std::string const& one, std::string const& other) {
    struct stat a {};
    struct stat b {};
    if (::stat(one.c_str(), &a) < 0 || ::stat(other.c_str(), &b) < 0) return false;
    return a.st_ino != b.st_ino || a.st_dev != b.st_dev;
}

}  // namespace

Result<void> enter_namespaces(BorrowedFd process) {
    auto const pid = TRY(pid_of(process));
    int flags = 0;
    for (auto const& kind : kNamespaces)
        if (differs("/proc/self/ns/" + std::string(kind.name), "/proc/" + pid + "/ns/" + kind.name))
            flags |= kind.flag;
    // A process of the container always has a mount namespace of its own: without any it is dead.
    if ((flags & CLONE_NEWNS) == 0 || ::setns(process.raw(), flags) < 0)
        return fail(Error::sys("enter the container's namespaces"));
    return {};
}

Result<void> join_user_namespace(BorrowedFd process) {
    if (::setns(process.raw(), CLONE_NEWUSER) < 0)
        return fail(Error::sys("enter the container's user namespace"));
    return {};
}

}  // namespace krun::init
