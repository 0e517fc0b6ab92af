// SPDX-License-Identifier: Apache-2.0
// Every file operation that Linux can ask of a file server, in a directory of the container's root or of a bind
// mount. Prints what did not work; the exit status is their number.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "files.h"

static int failures;

#define MUST(call)                                             \
    do {                                                       \
        errno = 0;                                             \
        if (!(call)) {                                         \
            printf("%s: %s\n", #call, strerror(errno));        \
            failures++;                                        \
        }                                                      \
    } while (0)

static void tree(void) {
    struct stat st;
    char target[16];
    MUST(mkdir("dir", 0700) == 0);
    MUST(close(open("file", O_CREAT | O_EXCL | O_RDWR, 0600)) == 0);
    MUST(link("file", "dir/hard") == 0);
    MUST(symlink("file", "soft") == 0);
    MUST(readlink("soft", target, sizeof target) == 4);
    MUST(mkfifo("fifo", 0600) == 0);
    MUST(mknod("socket", S_IFSOCK | 0600, 0) == 0);
    MUST(stat("soft", &st) == 0 && st.st_nlink == 2);
    MUST(rename("dir/hard", "dir/moved") == 0);
    MUST(renameat2(AT_FDCWD, "file", AT_FDCWD, "dir/moved", RENAME_NOREPLACE) == -1 && errno == EEXIST);
    MUST(renameat2(AT_FDCWD, "soft", AT_FDCWD, "dir/moved", RENAME_EXCHANGE) == 0);
    MUST(access("file", R_OK) == 0);
    MUST(renameat2(AT_FDCWD, "dir/moved", AT_FDCWD, "white", RENAME_WHITEOUT) == 0 || errno == EINVAL || errno == EPERM);
    if (access("white", F_OK) == 0) MUST(unlink("dir/moved") == 0 && rename("white", "dir/moved") == 0);
    MUST(unlink("soft") == 0 && unlink("fifo") == 0 && unlink("socket") == 0);
    MUST(unlink("dir/moved") == 0 && rmdir("dir") == 0 && unlink("file") == 0);
}

static void content(void) {
    static char block[1 << 16];
    char back[8];
    struct iovec parts[2] = {{"one", 3}, {"two", 3}};
    loff_t from = 0, to = 4096;
    int const fd = open("content", O_CREAT | O_RDWR, 0600);
    MUST(write(fd, block, sizeof block) == sizeof block);
    MUST(pwritev2(fd, parts, 2, 10, 0) == 6);
    MUST(pread(fd, back, 6, 10) == 6 && memcmp(back, "onetwo", 6) == 0);
    MUST(copy_file_range(fd, &from, fd, &to, 64, 0) == 64);
    MUST(fallocate(fd, 0, 0, 1 << 20) == 0);
    MUST(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1 << 17, 1 << 16) == 0);
    MUST(lseek(fd, 0, SEEK_DATA) == 0 && lseek(fd, 0, SEEK_HOLE) > 0);
    MUST(ftruncate(fd, 100) == 0 && truncate("content", 200) == 0);
    MUST(fsync(fd) == 0 && fdatasync(fd) == 0 && syncfs(fd) == 0);
    MUST(flock(fd, LOCK_EX) == 0 && flock(fd, LOCK_UN) == 0);
    MUST(fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK}) == 0);
    char* const map = mmap(NULL, 200, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    MUST(map != MAP_FAILED);
    if (map != MAP_FAILED) {
        map[0] = 'm';
        MUST(msync(map, 200, MS_SYNC) == 0 && munmap(map, 200) == 0);
    }
    MUST(close(fd) == 0);
    int const more = open("content", O_WRONLY | O_APPEND | O_SYNC);
    MUST(write(more, "end", 3) == 3 && close(more) == 0);
    MUST(close(open("content", O_WRONLY | O_TRUNC)) == 0);
    int nameless;
    MUST((nameless = open(".", O_TMPFILE | O_RDWR, 0600)) >= 0 || errno == EOPNOTSUPP);
    if (nameless >= 0) {
        char name[32];
        snprintf(name, sizeof name, "/proc/self/fd/%d", nameless);
        MUST(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0);
        MUST(close(nameless) == 0 && unlink("named") == 0);
    }
    MUST(unlink("content") == 0);
}

static int unsupported(void) {
    return errno == ENOTTY || errno == EOPNOTSUPP;
}

static void flags_and_acl(char const* name) {
    // linux/posix_acl_xattr.h: version 2; owner rwx, group r-x, others nothing.
    static unsigned char const kAcl[] = {2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 4, 0, 5, 0, 255, 255, 255, 255,
                                         32, 0, 0, 0, 255, 255, 255, 255};
    struct statx more;
    struct fsxattr extended;
    int flags = 0;
    int const fd = open(name, O_RDONLY);
    MUST(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &more) == 0);
    MUST(ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 || unsupported());
    MUST(ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0 || unsupported());
    MUST(ioctl(fd, FS_IOC_FSGETXATTR, &extended) == 0 || unsupported());
    MUST(ioctl(fd, FS_IOC_FSSETXATTR, &extended) == 0 || unsupported());
    MUST(fchmod(fd, 02750) == 0);
    MUST(fsetxattr(fd, "system.posix_acl_access", kAcl, sizeof kAcl, 0) == 0 || unsupported());
    MUST(close(fd) == 0);
}

static void attributes(void) {
    char value[16];
    struct statfs fs;
    struct timespec const times[2] = {{1, 2}, {3, 4}};
    struct stat st;
    MUST(close(open("attributes", O_CREAT | O_RDWR, 0600)) == 0);
    MUST(chmod("attributes", 0640) == 0);
    MUST(chown("attributes", getuid(), getgid()) == 0);
    MUST(utimensat(AT_FDCWD, "attributes", times, 0) == 0);
    MUST(stat("attributes", &st) == 0 && st.st_mtim.tv_sec == 3 && st.st_mtim.tv_nsec == 4);
    MUST(setxattr("attributes", "user.test", "value", 5, 0) == 0);
    MUST(getxattr("attributes", "user.test", value, sizeof value) == 5);
    MUST(listxattr("attributes", value, sizeof value) == sizeof "user.test");
    MUST(removexattr("attributes", "user.test") == 0);
    MUST(statfs(".", &fs) == 0 && fs.f_bsize > 0);
    flags_and_acl("attributes");
    MUST(unlink("attributes") == 0);
}

static void listing(void) {
    char name[32];
    int found = 0;
    MUST(mkdir("many", 0700) == 0);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "many/%d", i);
        MUST(close(open(name, O_CREAT | O_WRONLY, 0600)) == 0);
    }
    DIR* const dir = opendir("many");
    MUST(dir != NULL);
    while (dir && readdir(dir)) found++;
    if (dir) {
        seekdir(dir, 0);
        MUST(fsync(dirfd(dir)) == 0 && closedir(dir) == 0);
    }
    MUST(found == 302);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "many/%d", i);
        MUST(unlink(name) == 0);
    }
    MUST(rmdir("many") == 0);
}

int lock_file(void) {
    int const fd = open("/mnt/lock", O_RDWR | O_CREAT, 0666);
    int const range = fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK});
    int const whole = flock(fd, LOCK_EX | LOCK_NB);
    printf("range %s, whole %s\n", range == 0 ? "taken" : "not", whole == 0 ? "taken" : "not");
    fflush(stdout);
    while (range == 0) pause();
    return 0;
}

int wait_for_locks(void) {
    int const fd = open("/mnt/lock", O_RDWR | O_CREAT, 0666);
    puts("waiting");
    fflush(stdout);
    MUST(fcntl(fd, F_SETLKW, &(struct flock){.l_type = F_WRLCK}) == 0);
    MUST(flock(fd, LOCK_EX) == 0);
    puts("taken");
    return failures;
}

int all_file_operations(char const* directory) {
    MUST(chdir(directory) == 0);
    umask(022);
    tree();
    content();
    attributes();
    listing();
    sync();
    return failures;
}
