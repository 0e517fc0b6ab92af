// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolation/joined_user_namespace.h"

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/strings.h"
#include "runtime/isolation/child_namespace.h"
#include "runtime/isolation/namespaces.h"

namespace krun::runtime {
namespace {

constexpr size_t kMaxMapBytes = 64 * 1024;  // 340 lines of three numbers

// A line is three numbers: the id inside, the id that this process knows it by, and how many
// (user_namespaces(7)).
std::optional<oci::IdMapping> parse_line(std::string_view line) {
    std::vector<uint32_t> numbers;
    for (auto const word : split(line, ' ')) {
        if (word.empty()) continue;
        auto const number = parse_uint64(word);
        if (!number || *number > UINT32_MAX) return std::nullopt;
        numbers.push_back(static_cast<uint32_t>(*number));
    }
    if (numbers.size() != 3) return std::nullopt;
    return oci::IdMapping{numbers[0], numbers[1], numbers[2]};
}

Result<std::vector<oci::IdMapping>> read_map(pid_t process, char const* file) {
    auto const text = TRY(read_file("/proc/" + std::to_string(process) + "/" + file, kMaxMapBytes));
    std::vector<oci::IdMapping> out;
    for (auto const line : split(text, '\n'))
        if (auto const mapping = parse_line(line)) out.push_back(*mapping);
    if (out.empty()) return fail(Error(Errc::kInvalidConfig, std::string("it has no ") + file));
    return out;
}

Result<bool> is_own(BorrowedFd user_namespace) {
    struct stat theirs {};
    struct stat ours {};
    if (::fstat(user_namespace.raw(), &theirs) < 0 || ::stat("/proc/self/ns/user", &ours) < 0)
        return fail(Error::sys("look at a user namespace"));
    return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

Result<void> take_maps(oci::Namespace const& ns, oci::Linux& linux) {
    auto const fd = TRY(open_namespace(ns, CLONE_NEWUSER));
    if (TRY(is_own(fd.borrow()))) {
        if (!linux.uid_mappings.empty()) return {};
        std::erase_if(linux.namespaces, [](oci::Namespace const& one) { return one.type == "user"; });
        return {};
    }
    auto const child = TRY(ChildInNamespace::entered(fd.borrow(), CLONE_NEWUSER));
    auto uids = TRY_WITH(read_map(child.pid(), "uid_map"), ns.path);
    auto gids = TRY_WITH(read_map(child.pid(), "gid_map"), ns.path);
    linux.uid_mappings = std::move(uids);
    linux.gid_mappings = std::move(gids);
    return {};
}

}  // namespace

Result<void> take_maps_of_joined_user_namespace(oci::Linux& linux) {
    auto const* const listed = linux.find_namespace("user");
    if (listed == nullptr || listed->path.empty()) return {};
    auto const copy = *listed;
    TRY_WITH(take_maps(copy, linux), "linux.namespaces: user");
    return {};
}

}  // namespace krun::runtime
