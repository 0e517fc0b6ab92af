// SPDX-License-Identifier: Apache-2.0
#include "config-gen/user_names.h"

#include <limits.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"

namespace krun {
namespace {

// An id that is not (uid_t)-1, which system calls take for "leave it".
std::optional<uint32_t> parse_id(std::string_view text) {
    auto const number = parse_uint64(text);
    if (!number || *number >= UINT32_MAX) return std::nullopt;
    return static_cast<uint32_t>(*number);
}

// The next part of `rest`, which loses it with its separator: a stranger's file is walked without a list of
// all that it holds.
std::string_view take_part(std::string_view& rest, char separator) {
    auto const end = rest.find(separator);
    auto const part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return part;
}

// nullopt unless there are exactly N.
template <size_t N>
std::optional<std::array<std::string_view, N>> fields_of(std::string_view line) {
    if (static_cast<size_t>(std::count(line.begin(), line.end(), ':')) != N - 1) return std::nullopt;
    std::array<std::string_view, N> fields;
    for (auto& field : fields) field = take_part(line, ':');
    return fields;
}

bool lists(std::string_view members, std::string_view name) {
    while (!members.empty())
        if (take_part(members, ',') == name) return true;
    return false;
}

struct PasswdLine {
    std::string_view name;
    uint32_t uid = 0;
    uint32_t gid = 0;
    std::string_view home;
};

std::optional<PasswdLine> parse_passwd_line(std::string_view line) {
    auto const fields = fields_of<7>(line);
    if (!fields) return std::nullopt;
    auto const uid = parse_id((*fields)[2]);
    auto const gid = parse_id((*fields)[3]);
    if (!uid || !gid) return std::nullopt;
    return PasswdLine{(*fields)[0], *uid, *gid, (*fields)[5]};
}

struct GroupLine {
    std::string_view name;
    uint32_t gid = 0;
    std::string_view members;
};

std::optional<GroupLine> parse_group_line(std::string_view line) {
    auto const fields = fields_of<4>(line);
    if (!fields) return std::nullopt;
    auto const gid = parse_id((*fields)[2]);
    if (!gid) return std::nullopt;
    return GroupLine{(*fields)[0], *gid, (*fields)[3]};
}

std::optional<PasswdLine> find_user_line(std::string_view passwd, std::string_view wanted) {
    auto const number = parse_id(wanted);
    while (!passwd.empty()) {
        auto const line = parse_passwd_line(take_part(passwd, '\n'));
        if (line && (line->name == wanted || (number && line->uid == *number))) return line;
    }
    return std::nullopt;
}

std::optional<uint32_t> find_group(std::string_view group, std::string_view wanted) {
    auto const number = parse_id(wanted);
    while (!group.empty()) {
        auto const line = parse_group_line(take_part(group, '\n'));
        if (line && (line->name == wanted || (number && line->gid == *number))) return line->gid;
    }
    return number;
}

void add_groups_of(std::string_view member, std::string_view group, guest::User& user) {
    auto& gids = user.additional_gids;
    while (!group.empty()) {
        auto const line = parse_group_line(take_part(group, '\n'));
        if (!line || gids.size() >= NGROUPS_MAX || !lists(line->members, member)) continue;
        if (std::find(gids.begin(), gids.end(), line->gid) == gids.end()) gids.push_back(line->gid);
    }
}

Error unknown(std::string_view kind, std::string const& name, std::string_view file) {
    constexpr size_t kMaxBytes = 200;  // an image's name may be as long and as odd as it likes
    return Error(Errc::kInvalidConfig, "unable to find " + std::string(kind) + " " +
                                           printable(name.substr(0, kMaxBytes)) +
                                           ": no matching entries in " + std::string(file) + " file");
}

}  // namespace

std::string home_in_passwd(std::string_view passwd, uint32_t uid) {
    while (!passwd.empty()) {
        auto const fields = fields_of<7>(take_part(passwd, '\n'));
        if (fields && parse_uint64((*fields)[2]) == uint64_t{uid}) return std::string((*fields)[5]);
    }
    return {};
}

Result<guest::User> look_up_user(guest::User user, std::string_view passwd, std::string_view group) {
    if (!user.name.empty()) {
        auto const line = find_user_line(passwd, user.name);
        auto const number = parse_id(user.name);
        if (!line && !number) return fail(unknown("user", user.name, "passwd"));
        user.uid = line ? line->uid : *number;
        if (user.group_name.empty()) {
            user.gid = line ? line->gid : 0;
            if (line) add_groups_of(line->name, group, user);
        }
    }
    if (!user.group_name.empty()) {
        auto const gid = find_group(group, user.group_name);
        if (!gid) return fail(unknown("group", user.group_name, "group"));
        user.gid = *gid;
    }
    return user;
}

}  // namespace krun
