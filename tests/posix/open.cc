// SPDX-License-Identifier: Apache-2.0
// open(2): access modes, creation flags and types, all combinations.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "categories.h"
#include "scene.h"

namespace posix {
namespace {

struct Flags {
    int flags;
    char const* name;
};
constexpr Flags kAccess[] = {{O_RDONLY, "r"}, {O_WRONLY, "w"}, {O_RDWR, "rw"}, {O_ACCMODE, "3"}};
constexpr Flags kMore[] = {
    {0, ""},
    {O_CREAT, " creat"},
    {O_CREAT | O_EXCL, " creat excl"},
    {O_EXCL, " excl"},
    {O_TRUNC, " trunc"},
    {O_CREAT | O_TRUNC, " creat trunc"},
    {O_APPEND, " append"},
    {O_APPEND | O_TRUNC, " append trunc"},
    {O_DIRECTORY, " directory"},
    {O_NOFOLLOW, " nofollow"},
    {O_CREAT | O_NOFOLLOW, " creat nofollow"},
    {O_PATH, " path"},
    {O_SYNC, " sync"},
    {O_NOATIME, " noatime"},
};
constexpr Type kTypes[] = {Type::kNone, Type::kFile, Type::kDir, Type::kLink, Type::kDangling, Type::kFifo};

void combinations() {
    for (auto const type : kTypes)
        for (auto const& access : kAccess)
            for (auto const& more : kMore) {
                if (!chosen()) continue;
                auto const path = fresh(type);
                int const fd = open(path.c_str(), access.flags | more.flags | O_NONBLOCK, 0664);
                observe(std::string(kinds()[static_cast<size_t>(type)].name) + " " + access.name + more.name,
                        {opened(fd), ", then ", seen(path)});
            }
}

void creation_modes() {
    for (mode_t const mask : {0u, 022u, 027u, 077u, 0777u}) {
        umask(mask);
        for (mode_t const mode : {0777u, 0666u, 0000u, 01777u, 04755u, 02755u, 0200u}) {
            if (!chosen()) continue;
            auto const file = fresh_name();
            auto const dir = fresh_name();
            close(open(file.c_str(), O_WRONLY | O_CREAT, mode));
            mkdir(dir.c_str(), mode);
            observe("mode " + octal(mode) + " umask " + octal(mask), {seen(file), " and ", seen(dir)});
        }
    }
    umask(022);
}

void access_of_descriptors() {
    auto const path = fresh(Type::kFile);
    char byte = 'x';
    for (auto const& access : {kAccess[0], kAccess[1], kAccess[2]}) {
        int const fd = open(path.c_str(), access.flags);
        observe(std::string("read through ") + access.name, count(pread(fd, &byte, 1, 0)));
        observe(std::string("write through ") + access.name, count(pwrite(fd, &byte, 1, 0)));
        observe(std::string("truncate through ") + access.name, outcome(ftruncate(fd, 5)));
        close(fd);
    }
    auto const closed = fresh_name();
    int const fd = open(closed.c_str(), O_RDWR | O_CREAT | O_EXCL, 0);
    observe("create with mode 0 to write", count(write(fd, "x", 1)));
    observe("open it again", opened(open(closed.c_str(), O_RDONLY)));
    close(fd);
}

void directories() {
    auto const dir = fresh(Type::kDir);
    int const fd = open(dir.c_str(), O_RDONLY);
    char byte = 0;
    observe("read a directory", count(read(fd, &byte, 1)));
    observe("write a directory", count(write(fd, &byte, 1)));
    observe("sync a directory", {outcome(fsync(fd)), outcome(fdatasync(fd))});
    observe("truncate a directory", outcome(ftruncate(fd, 0)));
    observe("create beneath", opened(openat(fd, "new", O_RDWR | O_CREAT, 0600)));
    observe("chmod a directory", outcome(fchmod(fd, 0711)));
    close(fd);
    observe("creat and directory", opened(open(fresh_name().c_str(), O_RDWR | O_CREAT | O_DIRECTORY, 0600)));
}

}  // namespace

void open_category() {
    combinations();
    creation_modes();
    access_of_descriptors();
    directories();
}

}  // namespace posix
