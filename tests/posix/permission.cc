// SPDX-License-Identifier: Apache-2.0
// Who may do what: mode bits of files and directories, sticky and setgid directories, owners.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "categories.h"
#include "scene.h"

namespace posix {
namespace {

struct Who {
    char const* name;
    uid_t uid;
    gid_t gid;
    std::vector<gid_t> groups;
};
// What each is to a file of kUser:kUserGroup.
std::vector<Who> const& people() {
    static std::vector<Who> const all = {{"owner", kUser, kUserGroup, {}},
                                         {"group", kOther, kUserGroup, {}},
                                         {"supplementary group", kOther, kOtherGroup, {kUserGroup}},
                                         {"other", kOther, kOtherGroup, {}}};
    return all;
}

std::string of_user(Type type, mode_t mode) {
    auto const path = fresh(type);
    if (chown(path.c_str(), kUser, kUserGroup) < 0 || chmod(path.c_str(), mode) < 0)
        observe("give away", outcome(-1));
    return path;
}

void files() {
    for (auto const& who : people())
        for (mode_t bits = 0; bits < 8; ++bits) {
            if (!chosen()) continue;
            auto const mode = bits << 6 | bits << 3 | bits;
            auto const path = of_user(Type::kFile, mode);
            As const somebody(who.uid, who.gid, who.groups);
            auto const what = std::string(who.name) + ", file " + octal(mode) + ": ";
            observe(what + "read", opened(open(path.c_str(), O_RDONLY)));
            observe(what + "write", opened(open(path.c_str(), O_WRONLY)));
            observe(what + "truncate", outcome(truncate(path.c_str(), 3)));
            observe(what + "execute", outcome(eaccess(path.c_str(), X_OK)));
        }
}

// Each class has other bits: the first that fits decides, even if a later one would allow more.
void first_class_decides() {
    for (auto const& who : people())
        for (mode_t const mode : {0700u, 0070u, 0007u, 0077u, 0707u, 0770u}) {
            auto const path = of_user(Type::kFile, mode);
            As const somebody(who.uid, who.gid, who.groups);
            observe(std::string(who.name) + ", file " + octal(mode), opened(open(path.c_str(), O_RDWR)));
        }
}

void directories() {
    for (auto const& who : people())
        for (mode_t bits = 0; bits < 8; ++bits) {
            if (!chosen()) continue;
            auto const mode = bits << 6 | bits << 3 | bits;
            auto const dir = of_user(Type::kFullDir, mode);
            As const somebody(who.uid, who.gid, who.groups);
            auto const what = std::string(who.name) + ", directory " + octal(mode) + ": ";
            observe(what + "list", opened(open(dir.c_str(), O_RDONLY)));
            observe(what + "look up", seen(dir + "/inside"));
            observe(what + "create", opened(open((dir + "/new").c_str(), O_WRONLY | O_CREAT, 0600)));
            observe(what + "make a directory", outcome(mkdir((dir + "/newdir").c_str(), 0700)));
            observe(what + "rename", outcome(rename((dir + "/inside").c_str(), (dir + "/moved").c_str())));
            observe(what + "unlink", outcome(unlink((dir + "/moved").c_str())));
        }
}

}  // namespace

void permission_category() {
    files();
    first_class_decides();
    directories();
}

void sticky_category() {
    for (uid_t const dir_owner : {kUser, kOther, uid_t{0}})
        for (uid_t const file_owner : {kUser, kOther})
            for (auto const type : {Type::kFile, Type::kDir, Type::kLink}) {
                if (!chosen()) continue;
                auto const dir = fresh(Type::kDir);
                if (chown(dir.c_str(), dir_owner, 0) < 0 || chmod(dir.c_str(), 01777) < 0)
                    observe("dir", outcome(-1));
                auto const what = "directory of " + std::to_string(dir_owner) + ", " +
                                  kinds()[static_cast<size_t>(type)].name + " of " +
                                  std::to_string(file_owner) + ": ";
                for (char const* name : {"/a", "/b", "/c"}) {
                    auto const object = fresh(type);
                    if (lchown(object.c_str(), file_owner, 0) < 0 ||
                        rename(object.c_str(), (dir + name).c_str()) < 0)
                        observe("object", outcome(-1));
                }
                As const user(kUser, kUserGroup);
                bool const is_dir = type == Type::kDir;
                observe(what + "rename", outcome(rename((dir + "/a").c_str(), (dir + "/moved").c_str())));
                observe(what + "remove",
                        outcome(is_dir ? rmdir((dir + "/b").c_str()) : unlink((dir + "/b").c_str())));
                if (is_dir ? mkdir((dir + "/mine").c_str(), 0700) < 0
                           : symlink("x", (dir + "/mine").c_str()) < 0)
                    observe(what + "make", outcome(-1));
                observe(what + "replace", outcome(rename((dir + "/mine").c_str(), (dir + "/c").c_str())));
            }
}

void setgid_category() {
    struct Member {
        char const* name;
        gid_t gid;
        std::vector<gid_t> groups;
    };
    std::vector<Member> const members = {{"not in the group", kUserGroup, {}},
                                         {"in the group", kOtherGroup, {}},
                                         {"in it by supplement", kUserGroup, {kOtherGroup}},
                                         {"in it among others", kUserGroup, {77, kOtherGroup, 78}}};
    for (auto const& member : members)
        for (mode_t const dir_mode : {02777u, 0777u}) {
            auto const dir = fresh(Type::kDir);
            if (chown(dir.c_str(), 0, kOtherGroup) < 0 || chmod(dir.c_str(), dir_mode) < 0)
                observe("dir", outcome(-1));
            As const user(kUser, member.gid, member.groups);
            auto const what = std::string(member.name) + ", directory " + octal(dir_mode) + ": ";
            for (mode_t const mode : {0644u, 0755u, 02644u, 02755u, 06777u}) {
                if (!chosen()) continue;
                auto const name = dir + "/f" + octal(mode);
                close(open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL, mode));
                observe(what + "file " + octal(mode), seen(name));
                observe(what + "chmod of " + octal(mode) + " to 02755",
                        {outcome(chmod(name.c_str(), 02755)), seen(name)});
                observe(what + "directory " + octal(mode),
                        {outcome(mkdir((dir + "/d" + octal(mode)).c_str(), mode)),
                         seen(dir + "/d" + octal(mode))});
                observe(what + "node " + octal(mode),
                        {outcome(mknod((dir + "/n" + octal(mode)).c_str(), S_IFREG | mode, 0)),
                         seen(dir + "/n" + octal(mode))});
            }
            observe(what + "fifo", {outcome(mkfifo((dir + "/p").c_str(), 0644)), seen(dir + "/p")});
            observe(what + "link", {outcome(symlink("t", (dir + "/l").c_str())), seen(dir + "/l")});
            int const nameless = open(dir.c_str(), O_TMPFILE | O_RDWR, 02755);
            observe(what + "nameless file", nameless < 0 ? outcome(-1) : seen(nameless));
            if (nameless >= 0) close(nameless);
        }
}

}  // namespace posix
