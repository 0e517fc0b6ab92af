// SPDX-License-Identifier: Apache-2.0
// Which calls change which times, and what utimensat(2) sets. Access times are left out: mount options decide
// them.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "categories.h"
#include "scene.h"

namespace posix {
namespace {

constexpr timespec kOld[] = {{1000, 123456789}, {2000, 987654321}};

// The clock that files are stamped with is coarse: what comes next is later.
void tick() {
    timespec const pause{0, 12'000'000};
    nanosleep(&pause, nullptr);
}

struct Times {
    explicit Times(std::string const& path) {
        struct stat st {};
        exists = lstat(path.c_str(), &st) == 0;
        mtime = st.st_mtim;
        ctime = st.st_ctim;
    }
    static bool differ(timespec a, timespec b) { return a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec; }
    std::string since(Times const& before) const {
        if (!exists) return "gone";
        std::string text;
        if (differ(mtime, before.mtime)) text += "m";
        if (differ(ctime, before.ctime)) text += "c";
        return text.empty() ? "nothing" : text;
    }
    bool exists;
    timespec mtime{};
    timespec ctime{};
};

struct Change {
    char const* name;
    long (*run)();
};
// In a directory that has a file "file", open as `fd`, and a directory "sub".
int fd;
constexpr Change kChanges[] = {
    {"stat", [] { return long{access("dir/file", R_OK)}; }},
    {"read",
     [] {
         char c;
         return long{pread(fd, &c, 1, 0)};
     }},
    {"write", [] { return long{pwrite(fd, "x", 1, 0)}; }},
    {"write of nothing", [] { return long{pwrite(fd, "", 0, 0)}; }},
    {"truncate", [] { return long{truncate("dir/file", 3)}; }},
    {"truncate to the same size", [] { return long{truncate("dir/file", 7)}; }},
    {"ftruncate to the same size", [] { return long{ftruncate(fd, 7)}; }},
    {"fallocate", [] { return long{fallocate(fd, 0, 0, 9000)}; }},
    {"chmod", [] { return long{chmod("dir/file", 0600)}; }},
    {"chown", [] { return long{chown("dir/file", geteuid(), getegid())}; }},
    {"link", [] { return long{link("dir/file", "dir/other")}; }},
    {"rename", [] { return long{rename("dir/file", "dir/moved")}; }},
    {"rename over", [] { return long{rename("dir/second", "dir/file")}; }},
    {"unlink", [] { return long{unlink("dir/file")}; }},
    {"create", [] { return long{close(open("dir/new", O_WRONLY | O_CREAT, 0644))}; }},
    {"open to write", [] { return long{close(open("dir/file", O_WRONLY))}; }},
    {"open and truncate", [] { return long{close(open("dir/file", O_WRONLY | O_TRUNC))}; }},
    {"mkdir", [] { return long{mkdir("dir/newdir", 0755)}; }},
    {"rmdir", [] { return long{rmdir("dir/sub")}; }},
    {"symlink", [] { return long{symlink("x", "dir/link")}; }},
    {"mkfifo", [] { return long{mkfifo("dir/fifo", 0644)}; }},
    {"setxattr", [] { return long{setxattr("dir/file", "user.k", "v", 1, 0)}; }},
    {"failed create", [] { return long{open("dir/file", O_WRONLY | O_CREAT | O_EXCL, 0644)}; }},
    {"failed unlink", [] { return long{unlink("dir/none")}; }},
    {"sync", [] { return long{fsync(fd)}; }},
};

void changes() {
    for (auto const& change : kChanges) {
        mkdir("dir", 0755);
        mkdir("dir/sub", 0755);
        write_file("dir/second", "second");
        write_file("dir/file", "content");
        fd = open("dir/file", O_RDWR);
        utimensat(AT_FDCWD, "dir/file", kOld, 0);
        utimensat(AT_FDCWD, "dir", kOld, 0);
        Times const file("dir/file"), dir("dir");
        tick();
        auto const result = outcome(change.run());
        observe(change.name,
                {result, " file ", Times("dir/file").since(file), ", directory ", Times("dir").since(dir)});
        close(fd);
        auto const done = fresh_name();
        rename("dir", done.c_str());
    }
}

std::string times_of(std::string const& path) {
    struct stat st {};
    lstat(path.c_str(), &st);
    auto const text = [](timespec t) {
        // A time of the present is only said to be that.
        if (t.tv_sec > 1'500'000'000) return std::string("now");
        return std::to_string(t.tv_sec) + "." + std::to_string(t.tv_nsec);
    };
    return text(st.st_atim) + " " + text(st.st_mtim);
}

void set() {
    struct Row {
        char const* name;
        timespec times[2];
    };
    static constexpr Row kRows[] = {
        {"both", {{1, 2}, {3, 4}}},
        {"nanoseconds", {{5, 999'999'999}, {6, 999'999'998}}},
        {"before the epoch", {{-5, 0}, {-1, 5}}},
        {"2038", {{0x80000000, 0}, {0x7fffffff, 0}}},
        {"2100", {{4'102'444'800, 1}, {4'102'444'800, 2}}},
        {"only access", {{7, 8}, {0, UTIME_OMIT}}},
        {"only modification", {{0, UTIME_OMIT}, {9, 10}}},
        {"neither", {{0, UTIME_OMIT}, {0, UTIME_OMIT}}},
        {"now and then", {{0, UTIME_NOW}, {11, 12}}},
        {"then and now", {{13, 14}, {0, UTIME_NOW}}},
        {"too many nanoseconds", {{1, 1'000'000'000}, {1, 1}}},
        {"negative nanoseconds", {{1, 1}, {1, -1}}},
    };
    for (auto const& row : kRows)
        for (auto const type : {Type::kFile, Type::kDir, Type::kLink, Type::kFifo}) {
            if (!chosen()) continue;
            auto const path = fresh(type);
            utimensat(AT_FDCWD, path.c_str(), kOld, AT_SYMLINK_NOFOLLOW);
            observe(
                std::string("set ") + row.name + ", " + kinds()[static_cast<size_t>(type)].name,
                {outcome(utimensat(AT_FDCWD, path.c_str(), row.times, AT_SYMLINK_NOFOLLOW)), times_of(path)});
        }
}

void set_by_others() {
    if (unprivileged()) return;
    for (mode_t const mode : {0666u, 0644u})
        for (bool const now : {false, true}) {
            auto const path = fresh(Type::kFile);
            if (chown(path.c_str(), kUser, kUserGroup) < 0 || chmod(path.c_str(), mode) < 0)
                observe("give", outcome(-1));
            As const other(kOther, kOtherGroup);
            observe("by another, " + octal(mode) + (now ? ", now" : ", then"),
                    outcome(utimensat(AT_FDCWD, path.c_str(), now ? nullptr : kOld, 0)));
        }
}

}  // namespace

void time_category() {
    changes();
    set();
    set_by_others();
}

}  // namespace posix
