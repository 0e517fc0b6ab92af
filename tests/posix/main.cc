// SPDX-License-Identifier: Apache-2.0
// posix_suite DIRECTORY [ONE-IN [CATEGORY]]: does what programs do with files, as root and as a user without
// privileges, in DIRECTORY, and prints what it observes, one line each; of large tables one case in ONE-IN.
// To be run as root. Exits with 0 if it came to its end.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "categories.h"
#include "scene.h"

namespace posix {

static constexpr Category kCategories[] = {
    {"path", path_category, Passes::kBoth},
    {"rename", rename_category, Passes::kBoth},
    {"open", open_category, Passes::kBoth},
    {"name", name_category, Passes::kBoth},
    {"permission", permission_category, Passes::kRoot},
    {"sticky", sticky_category, Passes::kRoot},
    {"setgid", setgid_category, Passes::kRoot},
    {"privilege", privilege_category, Passes::kRoot},
    {"owner", owner_category, Passes::kRoot},
    {"time", time_category, Passes::kBoth},
    {"size", size_category, Passes::kBoth},
    {"hole", hole_category, Passes::kBoth},
    {"append", append_category, Passes::kBoth},
    {"direct", direct_category, Passes::kBoth},
    {"map", map_category, Passes::kBoth},
    {"xattr", xattr_category, Passes::kBoth},
    {"acl", acl_category, Passes::kRoot},
    {"lock", lock_category, Passes::kBoth},
    {"orphan", orphan_category, Passes::kBoth},
    {"tmpfile", tmpfile_category, Passes::kBoth},
    {"list", list_category, Passes::kBoth},
    {"special", special_category, Passes::kBoth},
};

// Not nftw(3): a path of ours may be longer than the kernel takes.
static void remove_tree(int parent, char const* name) {
    if (unlinkat(parent, name, 0) == 0) return;
    int const fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    DIR* const dir = fd < 0 ? nullptr : fdopendir(fd);
    if (dir == nullptr) return;
    while (auto const* entry = readdir(dir)) {
        std::string const child = entry->d_name;
        if (child != "." && child != "..") remove_tree(fd, child.c_str());
    }
    closedir(dir);
    unlinkat(parent, name, AT_REMOVEDIR);
}

static void run(Category const& category, char const* who) {
    observe_as(std::string(who) + "/" + category.name + "/");
    if (mkdir(category.name, 0755) < 0 || chdir(category.name) < 0) observe("enter", outcome(-1));
    category.run();
    As const root(0, 0);
    if (chdir("..") < 0) observe("leave", outcome(-1));
    remove_tree(AT_FDCWD, category.name);
    fflush(stdout);
}

static void run_all(char const* who, Passes pass, std::string const& only) {
    for (auto const& category : kCategories)
        if ((pass == Passes::kRoot || category.passes == Passes::kBoth) &&
            (only.empty() || only == category.name))
            run(category, who);
}

}  // namespace posix

int main(int argc, char** argv) {
    using namespace posix;
    if (argc < 2 || argc > 4 || getuid() != 0 || chdir(argv[1]) < 0) {
        fputs("usage: posix_suite DIRECTORY [ONE-IN [CATEGORY]], as root\n", stderr);
        return 2;
    }
    std::string const only = argc > 3 ? argv[3] : "";
    if (argc > 2) choose_one_in(std::max(1u, static_cast<unsigned>(atoi(argv[2]))));
    umask(022);
    rlimit const descriptors{512, 512};
    setrlimit(RLIMIT_NOFILE, &descriptors);
    mkdir("as-root", 0755);
    mkdir("as-user", 0755);
    if (chdir("as-root") < 0) return 2;
    run_all("root", Passes::kRoot, only);
    if (chown("../as-user", kUser, kUserGroup) < 0 || chdir("../as-user") < 0) return 2;
    {
        As const user(kUser, kUserGroup);
        run_all("user", Passes::kBoth, only);
    }
    if (chdir("..") < 0 || rmdir("as-root") < 0 || rmdir("as-user") < 0) {
        perror("something is left");
        return 1;
    }
    puts("end");
    return 0;
}
