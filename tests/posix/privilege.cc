// SPDX-License-Identifier: Apache-2.0
// setuid, setgid and file capabilities: what ends them, and who may change owners and modes.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "categories.h"
#include "scene.h"

namespace posix {
namespace {

// VFS_CAP_REVISION_2 with cap_net_raw permitted (linux/capability.h).
constexpr unsigned char kCapability[20] = {0, 0, 0, 2, 0, 0x20};

long change_map(int fd) {
    auto* const map = static_cast<char*>(mmap(nullptr, 7, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    if (map == MAP_FAILED) return -1;
    map[0] = 'm';
    long const result = msync(map, 7, MS_SYNC);
    munmap(map, 7);
    return result;
}

struct Change {
    char const* name;
    long (*run)(std::string const& path, int fd);
};
constexpr Change kChanges[] = {
    {"nothing", [](auto const&, int) -> long { return 0; }},
    {"write", [](auto const&, int fd) -> long { return pwrite(fd, "x", 1, 0); }},
    {"write of nothing", [](auto const&, int fd) -> long { return pwrite(fd, "", 0, 0); }},
    {"truncate", [](auto const& p, int) -> long { return truncate(p.c_str(), 3); }},
    {"truncate to the same size", [](auto const& p, int) -> long { return truncate(p.c_str(), 7); }},
    {"ftruncate", [](auto const&, int fd) -> long { return ftruncate(fd, 4); }},
    {"open and truncate",
     [](auto const& p, int) -> long {
         int const fd = open(p.c_str(), O_WRONLY | O_TRUNC);
         if (fd >= 0) close(fd);
         return fd;
     }},
    {"fallocate", [](auto const&, int fd) -> long { return fallocate(fd, 0, 0, 8192); }},
    {"punch",
     [](auto const&, int fd) -> long {
         return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4);
     }},
    {"copy into",
     [](auto const&, int fd) -> long {
         int const from = open("source", O_RDONLY);
         loff_t in = 0, out = 0;
         long const result = copy_file_range(from, &in, fd, &out, 3, 0);
         close(from);
         return result;
     }},
    {"mapped write", [](auto const&, int fd) -> long { return change_map(fd); }},
    {"chmod to 0755", [](auto const& p, int) -> long { return chmod(p.c_str(), 0755); }},
    {"chmod to 06755", [](auto const& p, int) -> long { return chmod(p.c_str(), 06755); }},
    {"chown of the user", [](auto const& p, int) -> long { return chown(p.c_str(), kUser, gid_t(-1)); }},
    {"chown of the group",
     [](auto const& p, int) -> long { return chown(p.c_str(), uid_t(-1), kUserGroup); }},
    {"chown of nothing", [](auto const& p, int) -> long { return chown(p.c_str(), uid_t(-1), gid_t(-1)); }},
    {"utimensat", [](auto const& p, int) -> long { return utimensat(AT_FDCWD, p.c_str(), nullptr, 0); }},
    {"rename", [](auto const& p, int) -> long { return rename(p.c_str(), p.c_str()); }},
    {"link", [](auto const& p, int) -> long { return link(p.c_str(), fresh_name().c_str()); }},
};

// By the owner, and by somebody who has the file open to write, as root made it.
void ends(bool by_root) {
    for (auto const& change : kChanges)
        for (mode_t const mode : {04777u, 02777u, 06777u, 02767u}) {
            if (!chosen()) continue;
            auto const path = fresh(Type::kFile);
            if (chown(path.c_str(), kUser, kUserGroup) < 0) observe("chown", outcome(-1));
            bool const capable =
                setxattr(path.c_str(), "security.capability", kCapability, sizeof kCapability, 0) == 0;
            if (chmod(path.c_str(), mode) < 0) observe("chmod", outcome(-1));
            int const fd = open(path.c_str(), O_RDWR);
            std::string result;
            if (by_root) {
                result = outcome(change.run(path, fd));
            } else {
                As const user(kUser, kUserGroup);
                result = outcome(change.run(path, fd));
            }
            auto const left = getxattr(path.c_str(), "security.capability", nullptr, 0);
            observe(std::string(by_root ? "root" : "owner") + ", " + octal(mode) + ", " + change.name,
                    {result, seen(path),
                     (!capable   ? ""
                      : left < 0 ? ", no capability"
                                 : ", capability")});
            close(fd);
        }
}

}  // namespace

void privilege_category() {
    write_file("source", "abc");
    ends(true);
    ends(false);
}

// Who is asked to be what, by whom.
void owner_category() {
    struct Owner {
        uid_t uid;
        gid_t gid;
    };
    constexpr uid_t kKeep = static_cast<uid_t>(-1);
    for (uid_t const actor : {uid_t{0}, kUser, kOther})
        for (auto const [uid, gid] :
             {Owner{kKeep, kKeep}, Owner{kUser, kKeep}, Owner{kOther, kKeep}, Owner{0, kKeep},
              Owner{kKeep, kUserGroup}, Owner{kKeep, kOtherGroup}, Owner{kKeep, 77}, Owner{kKeep, 0},
              Owner{kUser, kUserGroup}, Owner{kUser, 77}, Owner{70000, 70000}})
            for (auto const type : {Type::kFile, Type::kDir, Type::kLink, Type::kFifo}) {
                if (!chosen()) continue;
                auto const path = fresh(type);
                if (lchown(path.c_str(), kUser, kUserGroup) < 0) observe("lchown", outcome(-1));
                As const somebody(actor, actor == 0 ? 0 : kUserGroup, {77});
                observe("by " + std::to_string(actor) + " to " + std::to_string(int(uid)) + ":" +
                            std::to_string(int(gid)) + ", " + kinds()[static_cast<size_t>(type)].name,
                        {outcome(lchown(path.c_str(), uid, gid)), seen(path)});
            }
    for (uid_t const actor : {uid_t{0}, kUser, kOther})
        for (mode_t const mode : {0u, 0777u, 01777u, 02755u, 04755u, 06711u})
            for (auto const type : {Type::kFile, Type::kDir, Type::kFifo, Type::kSocket}) {
                if (!chosen()) continue;
                auto const path = fresh(type);
                if (chown(path.c_str(), kUser, 77) < 0) observe("chown", outcome(-1));
                As const somebody(actor, actor == 0 ? 0 : kUserGroup);
                observe("by " + std::to_string(actor) + " chmod " + octal(mode) + ", " +
                            kinds()[static_cast<size_t>(type)].name,
                        {outcome(chmod(path.c_str(), mode)), seen(path)});
            }
}

}  // namespace posix
