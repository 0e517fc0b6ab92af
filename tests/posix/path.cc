// SPDX-License-Identifier: Apache-2.0
// Each call that takes a path, on an object of each type: what it answers, and what is there afterwards.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <climits>

#include "categories.h"
#include "scene.h"

namespace posix {
namespace {

int try_open(std::string const& path, int flags) {
    int const fd = open(path.c_str(), flags | O_NONBLOCK, 0640);
    if (fd >= 0) close(fd);
    return fd;
}

struct Call {
    char const* name;
    long (*run)(std::string const& path);
};

constexpr Call kCalls[] = {
    {"open to read", [](auto const& p) -> long { return try_open(p, O_RDONLY); }},
    {"open to write", [](auto const& p) -> long { return try_open(p, O_WRONLY); }},
    {"open directory", [](auto const& p) -> long { return try_open(p, O_RDONLY | O_DIRECTORY); }},
    {"open nofollow", [](auto const& p) -> long { return try_open(p, O_RDONLY | O_NOFOLLOW); }},
    {"open path", [](auto const& p) -> long { return try_open(p, O_PATH | O_NOFOLLOW); }},
    {"create", [](auto const& p) -> long { return try_open(p, O_RDWR | O_CREAT); }},
    {"create new", [](auto const& p) -> long { return try_open(p, O_RDWR | O_CREAT | O_EXCL); }},
    {"create and truncate", [](auto const& p) -> long { return try_open(p, O_WRONLY | O_CREAT | O_TRUNC); }},
    {"stat",
     [](auto const& p) -> long {
         struct stat st;
         return stat(p.c_str(), &st);
     }},
    {"statfs",
     [](auto const& p) -> long {
         struct statfs fs;
         return statfs(p.c_str(), &fs);
     }},
    {"readlink",
     [](auto const& p) -> long {
         char target[64];
         return readlink(p.c_str(), target, sizeof target);
     }},
    {"access to read", [](auto const& p) -> long { return eaccess(p.c_str(), R_OK); }},
    {"access to write", [](auto const& p) -> long { return eaccess(p.c_str(), W_OK); }},
    {"access to execute", [](auto const& p) -> long { return eaccess(p.c_str(), X_OK); }},
    {"chmod", [](auto const& p) -> long { return chmod(p.c_str(), 0705); }},
    {"chown to oneself", [](auto const& p) -> long { return chown(p.c_str(), geteuid(), getegid()); }},
    {"lchown to oneself", [](auto const& p) -> long { return lchown(p.c_str(), geteuid(), getegid()); }},
    {"chown to nobody", [](auto const& p) -> long { return lchown(p.c_str(), 65534, 65534); }},
    {"truncate", [](auto const& p) -> long { return truncate(p.c_str(), 3); }},
    {"utimensat",
     [](auto const& p) -> long {
         timespec const times[] = {{1000, 1}, {2000, 2}};
         return utimensat(AT_FDCWD, p.c_str(), times, 0);
     }},
    {"utimensat nofollow",
     [](auto const& p) -> long { return utimensat(AT_FDCWD, p.c_str(), nullptr, AT_SYMLINK_NOFOLLOW); }},
    {"unlink", [](auto const& p) -> long { return unlink(p.c_str()); }},
    {"rmdir", [](auto const& p) -> long { return rmdir(p.c_str()); }},
    {"unlink with slash", [](auto const& p) -> long { return unlink((p + "/").c_str()); }},
    {"rmdir with slash", [](auto const& p) -> long { return rmdir((p + "/").c_str()); }},
    {"rmdir with dot", [](auto const& p) -> long { return rmdir((p + "/.").c_str()); }},
    {"rmdir with dots", [](auto const& p) -> long { return rmdir((p + "/..").c_str()); }},
    {"mkdir", [](auto const& p) -> long { return mkdir(p.c_str(), 0751); }},
    {"mkdir with slash", [](auto const& p) -> long { return mkdir((p + "/").c_str(), 0777); }},
    {"mkdir inside", [](auto const& p) -> long { return mkdir((p + "/new").c_str(), 0777); }},
    {"mkfifo", [](auto const& p) -> long { return mkfifo(p.c_str(), 0666); }},
    {"mknod file", [](auto const& p) -> long { return mknod(p.c_str(), S_IFREG | 0604, 0); }},
    {"mknod socket", [](auto const& p) -> long { return mknod(p.c_str(), S_IFSOCK | 0777, 0); }},
    {"mknod directory", [](auto const& p) -> long { return mknod(p.c_str(), S_IFDIR | 0777, 0); }},
    {"mknod link", [](auto const& p) -> long { return mknod(p.c_str(), S_IFLNK | 0777, 0); }},
    {"symlink", [](auto const& p) -> long { return symlink("target", p.c_str()); }},
    {"symlink with slash", [](auto const& p) -> long { return symlink("target", (p + "/").c_str()); }},
    {"link from", [](auto const& p) -> long { return link(p.c_str(), fresh_name().c_str()); }},
    {"link from, following",
     [](auto const& p) -> long {
         return linkat(AT_FDCWD, p.c_str(), AT_FDCWD, fresh_name().c_str(), AT_SYMLINK_FOLLOW);
     }},
    {"link to", [](auto const& p) -> long { return link(fresh(Type::kFile).c_str(), p.c_str()); }},
    {"link inside",
     [](auto const& p) -> long { return link(fresh(Type::kFile).c_str(), (p + "/new").c_str()); }},
    {"rename to itself", [](auto const& p) -> long { return rename(p.c_str(), p.c_str()); }},
    {"rename into itself", [](auto const& p) -> long { return rename(p.c_str(), (p + "/new").c_str()); }},
    {"rename with slash",
     [](auto const& p) -> long { return rename((p + "/").c_str(), fresh_name().c_str()); }},
    {"opendir",
     [](auto const& p) -> long {
         DIR* const dir = opendir(p.c_str());
         if (dir == nullptr) return -1;
         return closedir(dir);
     }},
    {"chdir",
     [](auto const& p) -> long {
         int const back = open(".", O_RDONLY | O_DIRECTORY);
         int const result = chdir(p.c_str());
         int const error = errno;
         if (fchdir(back) < 0) abort();
         close(back);
         errno = error;
         return result;
     }},
    {"getxattr",
     [](auto const& p) -> long {
         char value[8];
         return lgetxattr(p.c_str(), "user.none", value, sizeof value);
     }},
    {"listxattr",
     [](auto const& p) -> long {
         char names[256];
         return llistxattr(p.c_str(), names, sizeof names);
     }},
    {"look inside",
     [](auto const& p) -> long {
         struct stat st;
         return stat((p + "/inside").c_str(), &st);
     }},
    {"stat with slash",
     [](auto const& p) -> long {
         struct stat st;
         return lstat((p + "/").c_str(), &st);
     }},
    {"stat with dots",
     [](auto const& p) -> long {
         struct stat st;
         return stat((p + "/../.").c_str(), &st);
     }},
};

}  // namespace

void path_category() {
    for (auto const& call : kCalls)
        for (auto const& kind : kinds()) {
            if (!chosen()) continue;
            auto const path = fresh(kind.type);
            auto const result = outcome(call.run(path));
            observe(std::string(call.name) + ", " + kind.name, result + ", then " + seen(path));
        }
}

}  // namespace posix
