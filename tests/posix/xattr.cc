// SPDX-License-Identifier: Apache-2.0
// Extended attributes and access control lists.
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "categories.h"
#include "scene.h"

namespace posix {
namespace {

std::string value_of(std::string const& path, char const* name) {
    std::string value(70'000, 0);
    auto const n = lgetxattr(path.c_str(), name, value.data(), value.size());
    if (n < 0) return outcome(n);
    value.resize(static_cast<size_t>(n));
    return std::to_string(n) + " bytes " + value.substr(0, 8);
}

// Sorted: their order is the file system's own.
std::string names_of(std::string const& path) {
    std::string list(65'536, 0);
    auto const n = llistxattr(path.c_str(), list.data(), list.size());
    if (n < 0) return outcome(n);
    std::vector<std::string> names;
    for (size_t at = 0; at < static_cast<size_t>(n); at += names.back().size() + 1)
        names.emplace_back(list.c_str() + at);
    std::sort(names.begin(), names.end());
    std::string text = std::to_string(names.size());
    // Labels of the host's security modules are none of the file system's doing.
    for (auto const& name : names)
        if (!name.starts_with("security.")) text += " " + name;
    return text;
}

void names() {
    for (char const* name : {"user.a", "user.", "user", "users.a", "", "a", "system.x", "system.posix_acl_x",
                             "user.a.b.c", "user.\xc3\xa4", "USER.a"}) {
        auto const path = fresh(Type::kFile);
        std::string const what = std::string("\"") + name + "\" ";
        observe(what + "set", outcome(setxattr(path.c_str(), name, "value", 5, 0)));
        observe(what + "get", value_of(path, name));
        observe(what + "remove", outcome(removexattr(path.c_str(), name)));
    }
    for (size_t const length : {200u, 255u, 256u}) {
        auto const path = fresh(Type::kFile);
        std::string const name = "user." + std::string(length - 5, 'n');
        observe("name of " + std::to_string(length),
                outcome(setxattr(path.c_str(), name.c_str(), "v", 1, 0)));
    }
}

void types() {
    for (auto const& kind : kinds()) {
        auto const path = fresh(kind.type);
        observe(std::string("set on ") + kind.name, outcome(lsetxattr(path.c_str(), "user.k", "v", 1, 0)));
        observe(std::string("get on ") + kind.name, value_of(path, "user.k"));
        observe(std::string("remove on ") + kind.name, outcome(lremovexattr(path.c_str(), "user.k")));
    }
}

void flags_and_sizes() {
    auto const path = fresh(Type::kFile);
    auto const* const file = path.c_str();
    observe("replace what is not there", outcome(setxattr(file, "user.k", "v", 1, XATTR_REPLACE)));
    observe("create", outcome(setxattr(file, "user.k", "v1", 2, XATTR_CREATE)));
    observe("create again", outcome(setxattr(file, "user.k", "v2", 2, XATTR_CREATE)));
    observe("replace", {outcome(setxattr(file, "user.k", "v3", 2, XATTR_REPLACE)), value_of(path, "user.k")});
    observe("nonsense flags", outcome(setxattr(file, "user.k", "v", 1, 8)));
    for (size_t const size : {0u, 1u, 100u, 2000u, 3000u}) {
        std::string const value(size, 'v');
        observe("value of " + std::to_string(size),
                {outcome(setxattr(file, "user.v", value.data(), size, 0)), value_of(path, "user.v")});
    }
    std::string const too_long(65'537, 'v');
    observe("value of 65537", outcome(setxattr(file, "user.v", too_long.data(), too_long.size(), 0)));
    char small[4];
    setxattr(file, "user.v", "12345678", 8, 0);
    observe("get its size", count(getxattr(file, "user.v", nullptr, 0)));
    observe("get into too little", count(getxattr(file, "user.v", small, sizeof small)));
    observe("list into too little", count(listxattr(file, small, sizeof small)));
    observe("names", names_of(path));
    observe("remove", {outcome(removexattr(file, "user.k")), names_of(path)});
    observe("remove again", outcome(removexattr(file, "user.k")));
    for (int i = 0; i < 20; ++i) setxattr(file, ("user.n" + std::to_string(i)).c_str(), "v", 1, 0);
    observe("many names", names_of(path));
    auto const other = fresh_name();
    link(file, other.c_str()) < 0 ? observe("link", outcome(-1)) : void();
    observe("by the other name", value_of(other, "user.n3"));
    int const fd = open(file, O_RDONLY);
    observe("through a descriptor to read", outcome(fsetxattr(fd, "user.d", "v", 1, 0)));
    close(fd);
}

void permissions() {
    if (unprivileged()) return;
    for (mode_t const mode : {0644u, 0600u, 0666u, 0200u}) {
        auto const path = fresh(Type::kFile);
        setxattr(path.c_str(), "user.k", "v", 1, 0);
        if (chmod(path.c_str(), mode) < 0) observe("chmod", outcome(-1));
        As const user(kUser, kUserGroup);
        observe("another's file, " + octal(mode),
                {"set ", outcome(setxattr(path.c_str(), "user.k", "w", 1, 0)), ", get ",
                 value_of(path, "user.k")});
    }
    auto const sticky = fresh(Type::kDir);
    if (chmod(sticky.c_str(), 01777) < 0) observe("chmod", outcome(-1));
    As const user(kUser, kUserGroup);
    observe("another's sticky directory", outcome(setxattr(sticky.c_str(), "user.k", "v", 1, 0)));
}

// ---- access control lists: linux/posix_acl_xattr.h ----

struct AclEntry {
    uint16_t tag;
    uint16_t permissions;
    uint32_t id;
};
constexpr uint16_t kUserObj = 1, kNamedUser = 2, kGroupObj = 4, kNamedGroup = 8, kMask = 16, kOtherObj = 32;
constexpr uint32_t kNoId = 0xffffffff;

std::string acl(std::vector<AclEntry> const& entries) {
    std::string bytes("\2\0\0\0", 4);
    for (auto const& entry : entries) bytes.append(reinterpret_cast<char const*>(&entry), sizeof entry);
    return bytes;
}

std::string acl_of(std::string const& path, char const* name) {
    std::string bytes(1024, 0);
    auto const n = getxattr(path.c_str(), name, bytes.data(), bytes.size());
    if (n < 0) return outcome(n);
    std::string text;
    for (size_t at = 4; at + sizeof(AclEntry) <= static_cast<size_t>(n); at += sizeof(AclEntry)) {
        AclEntry entry;
        memcpy(&entry, bytes.data() + at, sizeof entry);
        text += std::to_string(entry.tag) + ":" + (entry.id == kNoId ? "" : std::to_string(entry.id)) + ":" +
                std::to_string(entry.permissions) + " ";
    }
    return text;
}

constexpr char kAccess[] = "system.posix_acl_access";
constexpr char kDefault[] = "system.posix_acl_default";

int set_acl(std::string const& path, char const* name, std::string const& value) {
    return setxattr(path.c_str(), name, value.data(), value.size(), 0);
}

std::vector<std::pair<char const*, std::string>> const& acls() {
    static std::vector<std::pair<char const*, std::string>> const all = {
        {"minimal", acl({{kUserObj, 6, kNoId}, {kGroupObj, 4, kNoId}, {kOtherObj, 0, kNoId}})},
        {"named user", acl({{kUserObj, 7, kNoId},
                            {kNamedUser, 6, kUser},
                            {kGroupObj, 5, kNoId},
                            {kMask, 7, kNoId},
                            {kOtherObj, 0, kNoId}})},
        {"masked user", acl({{kUserObj, 7, kNoId},
                             {kNamedUser, 7, kUser},
                             {kGroupObj, 7, kNoId},
                             {kMask, 4, kNoId},
                             {kOtherObj, 0, kNoId}})},
        {"named group", acl({{kUserObj, 7, kNoId},
                             {kGroupObj, 0, kNoId},
                             {kNamedGroup, 6, kUserGroup},
                             {kMask, 6, kNoId},
                             {kOtherObj, 4, kNoId}})},
        {"without a mask",
         acl({{kUserObj, 7, kNoId}, {kNamedUser, 6, kUser}, {kGroupObj, 5, kNoId}, {kOtherObj, 0, kNoId}})},
        {"without an owner", acl({{kGroupObj, 5, kNoId}, {kOtherObj, 0, kNoId}})},
        {"out of order", acl({{kOtherObj, 0, kNoId}, {kUserObj, 7, kNoId}, {kGroupObj, 5, kNoId}})},
        {"empty", acl({})},
        {"cut short", std::string("\2\0\0\0\1\0", 6)},
        {"of another version", std::string("\3\0\0\0", 4)},
    };
    return all;
}

void access_acls() {
    for (auto const& [name, value] : acls())
        for (auto const type : {Type::kFile, Type::kDir}) {
            if (!chosen()) continue;
            auto const path = fresh(type);
            auto const what = std::string(name) + ", " + kinds()[static_cast<size_t>(type)].name + ": ";
            observe(what + "set", {outcome(set_acl(path, kAccess, value)), seen(path)});
            observe(what + "get", acl_of(path, kAccess));
            observe(what + "names", names_of(path));
            {
                As const user(kUser, kUserGroup);
                observe(what + "read by the user", opened(open(path.c_str(), O_RDONLY)));
                observe(what + "may the user write", outcome(eaccess(path.c_str(), W_OK)));
            }
            {
                As const other(kOther, kUserGroup);
                observe(what + "read by the group", opened(open(path.c_str(), O_RDONLY)));
            }
            observe(what + "chmod", {outcome(chmod(path.c_str(), 0640)), acl_of(path, kAccess)});
            observe(what + "remove", {outcome(removexattr(path.c_str(), kAccess)), seen(path)});
            observe(what + "remove again", outcome(removexattr(path.c_str(), kAccess)));
        }
}

void default_acls() {
    for (auto const& [name, value] : acls()) {
        auto const dir = fresh(Type::kDir);
        auto const what = std::string("default ") + name + ": ";
        observe(what + "set on a file", outcome(set_acl(fresh(Type::kFile), kDefault, value)));
        observe(what + "set", {outcome(set_acl(dir, kDefault, value)), acl_of(dir, kDefault), seen(dir)});
        for (mode_t const mask : {022u, 077u}) {
            umask(mask);
            auto const in = dir + "/" + octal(mask);
            close(open((in + "f").c_str(), O_WRONLY | O_CREAT, 0666));
            mkdir((in + "d").c_str(), 0777);
            mkfifo((in + "p").c_str(), 0666) < 0 ? observe("mkfifo", outcome(-1)) : void();
            symlink("x", (in + "l").c_str()) < 0 ? observe("symlink", outcome(-1)) : void();
            umask(022);
            observe(what + "new file, umask " + octal(mask), {seen(in + "f"), acl_of(in + "f", kAccess)});
            observe(what + "new directory, umask " + octal(mask),
                    {seen(in + "d"), acl_of(in + "d", kAccess), acl_of(in + "d", kDefault)});
            observe(what + "new fifo, umask " + octal(mask), seen(in + "p"));
        }
        observe(what + "remove", {outcome(removexattr(dir.c_str(), kDefault)), acl_of(dir, kDefault)});
    }
}

// An access ACL from somebody who is not in the file's group takes setgid away.
void setgid_and_acl() {
    for (gid_t const group : {kUserGroup, kOtherGroup}) {
        auto const path = fresh(Type::kFile);
        if (chown(path.c_str(), kUser, group) < 0 || chmod(path.c_str(), 02755) < 0)
            observe("give", outcome(-1));
        As const user(kUser, kUserGroup);
        observe("setgid of group " + std::to_string(group),
                {outcome(set_acl(path, kAccess, acls()[1].second)), seen(path)});
    }
    auto const path = fresh(Type::kFile);
    As const user(kUser, kUserGroup);
    observe("on another's file", outcome(set_acl(path, kAccess, acls()[0].second)));
}

}  // namespace

void xattr_category() {
    names();
    types();
    flags_and_sizes();
    permissions();
}

void acl_category() {
    access_acls();
    default_acls();
    setgid_and_acl();
}

}  // namespace posix
