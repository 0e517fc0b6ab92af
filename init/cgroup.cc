// SPDX-License-Identifier: Apache-2.0
#include "init/cgroup.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "base/fd.h"
#include "base/strings.h"

namespace krun::init {
namespace {

constexpr char kPayload[] = "payload";
constexpr size_t kMaxControllersBytes = 4096;
constexpr size_t kMaxFileBytes = 32768;  // an answer is one frame

Result<void> write_file(BorrowedFd dir, std::string const& name, std::string const& value) {
    auto const file = TRY(open_at(dir, name, O_WRONLY));
    return write_full(file.borrow(), value);
}

}  // namespace

std::string all_controllers(std::string_view available) {
    std::string out;
    for (auto const line : split(available, '\n'))
        for (auto const name : split(line, ' '))
            if (!name.empty()) out += (out.empty() ? "+" : " +") + std::string(name);
    return out;
}

Result<UniqueFd> create_payload_cgroup(std::string const& hierarchy,
                                       std::map<std::string, std::string> const& limits) {
    auto const top = TRY(open_path(hierarchy, O_RDONLY | O_DIRECTORY));
    auto const file = TRY(open_at(top.borrow(), "cgroup.controllers", O_RDONLY));
    auto const controllers = all_controllers(TRY(read_file(file.borrow(), kMaxControllersBytes)));
    if (!controllers.empty())
        TRY_WITH(write_file(top.borrow(), "cgroup.subtree_control", controllers),
                 "cgroup controllers " + controllers);
    if (::mkdirat(top.borrow().raw(), kPayload, 0755) < 0 && errno != EEXIST)
        return fail(Error::sys("create the payload's cgroup"));
    auto payload = TRY(open_at(top.borrow(), kPayload, O_RDONLY | O_DIRECTORY));
    for (auto const& [name, value] : limits)
        TRY_WITH(write_file(payload.borrow(), name, value), "cgroup " + name);
    return payload;
}

Result<std::string> use_cgroup_file(UniqueFd const& payload, std::string_view request) {
    if (!payload.valid()) return fail(Error(Errc::kSystem, "no cgroup", ENOENT));
    auto const newline = request.find('\n');
    std::string const name(request.substr(0, newline));
    if (newline == request.npos) {
        auto const file = TRY(open_at(payload.borrow(), name, O_RDONLY));
        return read_file(file.borrow(), kMaxFileBytes);
    }
    TRY(write_file(payload.borrow(), name, std::string(request.substr(newline + 1))));
    return std::string();
}

Result<UniqueFd> open_cgroup_below(UniqueFd const& payload, std::string const& path) {
    if (!payload.valid()) return fail(Error(Errc::kInvalidConfig, "the container has no cgroup of its own"));
    if (path.empty()) return duplicate(payload.borrow());
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
    long const fd = ::syscall(SYS_openat2, payload.borrow().raw(), path.c_str(), &how, sizeof how);
    if (fd < 0) return fail(Error::sys("open cgroup \"" + path + "\" of the container"));
    return UniqueFd(static_cast<int>(fd));
}

Result<UniqueFd> open_cgroup_of(UniqueFd const& payload, pid_t pid) {
    std::string const top = "0::/" + std::string(kPayload);
    auto const text = TRY(read_file("/proc/" + std::to_string(pid) + "/cgroup", 65536));
    for (auto line : split(text, '\n')) {
        if (!line.starts_with(top)) continue;
        line.remove_prefix(top.size());
        while (line.starts_with('/')) line.remove_prefix(1);
        return open_cgroup_below(payload, std::string(line));
    }
    return fail(Error(Errc::kSystem, "the payload is in no cgroup of the container"));
}

}  // namespace krun::init
