// SPDX-License-Identifier: Apache-2.0
#include "init/identity.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

#include "base/fd.h"
#include "base/strings.h"

namespace krun::init {
namespace {

struct Resource {
    std::string_view name;
    decltype(RLIMIT_CPU) number;
};
constexpr Resource kResources[] = {
    {"RLIMIT_AS", RLIMIT_AS},           {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},         {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},     {"RLIMIT_LOCKS", __RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK}, {"RLIMIT_MSGQUEUE", __RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", __RLIMIT_NICE},     {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},     {"RLIMIT_RSS", __RLIMIT_RSS},
    {"RLIMIT_RTPRIO", __RLIMIT_RTPRIO}, {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_STACK", RLIMIT_STACK},     {"RLIMIT_SIGPENDING", __RLIMIT_SIGPENDING},
};

constexpr char kNrOpen[] = "/proc/sys/fs/nr_open";

Result<void> apply(guest::Rlimit const& wanted) {
    for (auto const& resource : kResources) {
        if (resource.name != wanted.type) continue;
        // RLIM_INFINITY is all ones in JSON and here (prlimit(2)).
        rlimit const limit{wanted.soft, wanted.hard};
        if (::setrlimit(resource.number, &limit) < 0) return fail(Error::sys("set " + wanted.type));
        return {};
    }
    return fail(Error(Errc::kInvalidConfig, "unknown limit \"" + wanted.type + "\""));
}

Result<void> write_small(char const* path, std::string const& text) {
    auto const fd = TRY(open_path(path, O_WRONLY));
    return write_full(fd.borrow(), text);
}

}  // namespace

Result<void> prepare_limits(std::vector<guest::Rlimit> const& rlimits) {
    uint64_t files = 0;
    for (auto const& limit : rlimits)
        if (limit.type == "RLIMIT_NOFILE") files = limit.hard;
    if (files == 0) return {};
    auto const text = TRY(read_file(kNrOpen, 64));
    auto const current = parse_uint64(std::string_view(text).substr(0, text.find('\n')));
    if (current && *current >= files) return {};
    // If the kernel cannot go so high, setrlimit() will say it with the limit's name.
    ignore(write_small(kNrOpen, std::to_string(files)), "setrlimit reports it");
    return {};
}

Result<void> set_oom_score_adj(int32_t value) {
    TRY_WITH(write_small("/proc/self/oom_score_adj", std::to_string(value)), "oomScoreAdj");
    return {};
}

Result<void> apply_rlimits(std::vector<guest::Rlimit> const& rlimits) {
    for (auto const& limit : rlimits) TRY(apply(limit));
    return {};
}

Result<void> become_user(guest::User const& user) {
    if (::setgroups(user.additional_gids.size(), user.additional_gids.data()) < 0)
        return fail(Error::sys("set additional groups"));
    if (::setresgid(user.gid, user.gid, user.gid) < 0)
        return fail(Error::sys("set group " + std::to_string(user.gid)));
    if (::setresuid(user.uid, user.uid, user.uid) < 0)
        return fail(Error::sys("set user " + std::to_string(user.uid)));
    ::umask(static_cast<mode_t>(user.umask & 0777));
    return {};
}

}  // namespace krun::init
