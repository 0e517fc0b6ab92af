// SPDX-License-Identifier: Apache-2.0
// Files without a name: such that lost it while they were open, and such that never had one.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "categories.h"
#include "scene.h"

namespace posix {
namespace {

std::string by_descriptor(int fd) {
    return "/proc/self/fd/" + std::to_string(fd);
}

// Everything that is done through a descriptor, on a file that no name leads to.
void use(std::string const& what, int fd) {
    observe(what + "stat", seen(fd));
    observe(what + "write", {count(pwrite(fd, "orphan", 6, 0)), content(fd)});
    observe(what + "truncate", {outcome(ftruncate(fd, 3)), content(fd)});
    observe(what + "allocate", {outcome(fallocate(fd, 0, 0, 100)), content(fd)});
    observe(what + "chmod", {outcome(fchmod(fd, 0600)), seen(fd)});
    observe(what + "chown", outcome(fchown(fd, geteuid(), getegid())));
    timespec const times[] = {{1, 2}, {3, 4}};
    observe(what + "utimens", outcome(futimens(fd, times)));
    observe(what + "setxattr", outcome(fsetxattr(fd, "user.k", "v", 1, 0)));
    char value[8];
    observe(what + "getxattr", count(fgetxattr(fd, "user.k", value, sizeof value)));
    observe(what + "sync", outcome(fsync(fd)));
    observe(what + "open again", opened(open(by_descriptor(fd).c_str(), O_RDWR)));
    observe(what + "open again and truncate",
            {opened(open(by_descriptor(fd).c_str(), O_RDWR | O_TRUNC)), content(fd)});
    observe(what + "stat by descriptor's path", outcome(access(by_descriptor(fd).c_str(), R_OK)));
}

std::string give_name(int fd, std::string const& name) {
    return outcome(linkat(AT_FDCWD, by_descriptor(fd).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW));
}

}  // namespace

void orphan_category() {
    auto const path = fresh(Type::kFile);
    int const fd = open(path.c_str(), O_RDWR);
    observe("unlink", {outcome(unlink(path.c_str())), seen(path)});
    use("unlinked: ", fd);
    observe("unlinked: give it a name", give_name(fd, fresh_name()));
    write_file(path, "new one");
    observe("a new file under the name", {content(path), content(fd)});
    close(fd);

    auto const target = fresh(Type::kFile);
    int const replaced = open(target.c_str(), O_RDWR);
    observe("rename over", outcome(rename(path.c_str(), target.c_str())));
    use("replaced: ", replaced);
    observe("the file by name", content(target));
    close(replaced);

    auto const linked = fresh(Type::kFile);
    auto const other = fresh_name();
    int const two = open(linked.c_str(), O_RDWR);
    link(linked.c_str(), other.c_str()) < 0 ? observe("link", outcome(-1)) : void();
    observe("one of two names", {outcome(unlink(linked.c_str())), seen(two)});
    observe("write through the descriptor", {count(pwrite(two, "both", 4, 0)), content(other)});
    close(two);

    auto const dir = fresh(Type::kDir);
    int const removed = open(dir.c_str(), O_RDONLY | O_DIRECTORY);
    observe("remove an open directory", {outcome(rmdir(dir.c_str())), seen(removed)});
    observe("create in it", opened(openat(removed, "x", O_WRONLY | O_CREAT, 0600)));
    observe("mkdir in it", outcome(mkdirat(removed, "x", 0700)));
    observe("look up in it", opened(openat(removed, "x", O_RDONLY)));
    observe("its dot", opened(openat(removed, ".", O_RDONLY)));
    close(removed);
    int const back = open(".", O_RDONLY | O_DIRECTORY);
    auto const where = fresh(Type::kDir);
    if (chdir(where.c_str()) < 0 || rmdir(("../" + where).c_str()) < 0) observe("remove it", outcome(-1));
    char name[4096];
    observe("working directory that is gone", getcwd(name, sizeof name) == nullptr ? outcome(-1) : "ok");
    observe("create in the working directory", opened(open("x", O_WRONLY | O_CREAT, 0600)));
    if (fchdir(back) < 0) abort();
    close(back);
}

void tmpfile_category() {
    for (mode_t const mode : {0600u, 0666u, 02755u, 0u}) {
        int const fd = open(".", O_TMPFILE | O_RDWR, mode);
        observe("mode " + octal(mode), fd < 0 ? outcome(fd) : seen(fd));
        if (fd >= 0) close(fd);
    }
    int const fd = open(".", O_TMPFILE | O_RDWR, 0644);
    if (fd < 0) return;
    use("nameless: ", fd);
    auto const name = fresh_name();
    observe("give it a name", {give_name(fd, name), seen(name)});
    observe("and another", {give_name(fd, fresh_name()), seen(name)});
    observe("over one there is", give_name(fd, name));
    observe("its bytes", content(name));
    observe("lose them", {outcome(unlink(name.c_str())), seen(fd)});
    close(fd);
    int const exclusive = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0644);
    observe("give a name to one that shall have none", give_name(exclusive, fresh_name()));
    close(exclusive);
    observe("to read only", opened(open(".", O_TMPFILE | O_RDONLY, 0600)));
    observe("to write only", opened(open(".", O_TMPFILE | O_WRONLY, 0600)));
    observe("in a file", opened(open(fresh(Type::kFile).c_str(), O_TMPFILE | O_RDWR, 0600)));
    observe("in what is not there", opened(open("none", O_TMPFILE | O_RDWR, 0600)));
    auto const closed = fresh(Type::kDir);
    chmod(closed.c_str(), 0555);
    observe("in a directory that is closed", opened(open(closed.c_str(), O_TMPFILE | O_RDWR, 0600)));
}

}  // namespace posix
