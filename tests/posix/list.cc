// SPDX-License-Identifier: Apache-2.0
// Listings: complete, without doubles, positions that hold, directories that change meanwhile. And special
// files.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <map>
#include <set>

#include "categories.h"
#include "scene.h"

namespace posix {
namespace {

constexpr int kMany = 400;

std::string many_name(int i) {
    return "entry-" + std::string(static_cast<size_t>(i % 60), 'x') + std::to_string(i);
}

void make_many(std::string const& dir) {
    mkdir(dir.c_str(), 0755);
    for (int i = 0; i < kMany; ++i) close(open((dir + "/" + many_name(i)).c_str(), O_WRONLY | O_CREAT, 0644));
}

struct Listing {
    int names = 0;
    int doubles = 0;
    int dots = 0;
};
Listing list(DIR* dir) {
    Listing found;
    std::set<std::string> seen_names;
    while (auto const* entry = readdir(dir)) {
        std::string const name = entry->d_name;
        if (name == "." || name == "..")
            ++found.dots;
        else
            ++found.names;
        if (!seen_names.insert(name).second) ++found.doubles;
    }
    return found;
}
std::string text(Listing const& found) {
    return std::to_string(found.names) + " names, " + std::to_string(found.dots) + " dots, " +
           std::to_string(found.doubles) + " doubles";
}

void large() {
    make_many("many");
    DIR* const dir = opendir("many");
    observe("all", text(list(dir)));
    rewinddir(dir);
    observe("all again", text(list(dir)));
    // Each position leads to the entry that followed it.
    rewinddir(dir);
    std::map<long, std::string> places;
    std::vector<long> order;
    long place = telldir(dir);
    while (auto const* entry = readdir(dir)) {
        places[place] = entry->d_name;
        order.push_back(place);
        place = telldir(dir);
    }
    observe("positions are unique", places.size() == order.size() ? "yes" : "no");
    int wrong = 0;
    for (size_t i = 0; i < order.size(); i += 37) {
        auto const at = order[order.size() - 1 - i];
        seekdir(dir, at);
        auto const* entry = readdir(dir);
        if (entry == nullptr || places[at] != entry->d_name) ++wrong;
    }
    observe("positions that lead elsewhere", std::to_string(wrong));
    seekdir(dir, place);
    observe("at the end", readdir(dir) == nullptr ? "nothing" : "something");
    closedir(dir);
}

void changing() {
    DIR* dir = opendir("many");
    int removed = 0, listed = 0;
    while (auto const* entry = readdir(dir)) {
        if (entry->d_name[0] == '.') continue;
        ++listed;
        if (unlinkat(dirfd(dir), entry->d_name, 0) == 0) ++removed;
    }
    closedir(dir);
    observe("removed while listing", {std::to_string(removed), " of ", std::to_string(listed)});
    dir = opendir("many");
    observe("what is left", text(list(dir)));
    close(open("many/new", O_WRONLY | O_CREAT, 0600));
    rewinddir(dir);
    observe("after a new one", text(list(dir)));
    unlink("many/new");
    rewinddir(dir);
    observe("after it went", text(list(dir)));
    closedir(dir);
    observe("remove the directory", outcome(rmdir("many")));
}

void entry_types() {
    mkdir("types", 0755);
    std::map<std::string, int> expected;
    for (auto const& kind : kinds()) {
        auto const object = fresh(kind.type);
        rename(object.c_str(), ("types/" + std::string(kind.name)).c_str());
    }
    DIR* const dir = opendir("types");
    std::map<std::string, std::string> lines;
    while (auto const* entry = readdir(dir)) {
        struct stat st {};
        fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW);
        lines[entry->d_name] =
            "type " + std::to_string(entry->d_type) + (entry->d_ino == st.st_ino ? "" : ", another inode");
    }
    for (auto const& [name, line] : lines) observe("entry " + name, line);
    closedir(dir);
}

}  // namespace

void list_category() {
    large();
    changing();
    entry_types();
    auto const dir = fresh(Type::kFullDir);
    struct stat st {};
    stat(dir.c_str(), &st);
    observe("links of a directory", std::to_string(st.st_nlink));
    for (int i = 0; i < 3; ++i) mkdir((dir + "/" + std::to_string(i)).c_str(), 0755);
    observe("with three more in it", seen(dir));
    rmdir((dir + "/1").c_str());
    observe("with one less", seen(dir));
}

void special_category() {
    auto const fifo = fresh(Type::kFifo);
    observe("write to a fifo nobody reads", opened(open(fifo.c_str(), O_WRONLY | O_NONBLOCK)));
    int const reader = open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
    int const writer = open(fifo.c_str(), O_WRONLY | O_NONBLOCK);
    char bytes[8] = {};
    observe("through a fifo",
            {count(write(writer, "fifo", 4)), count(read(reader, bytes, sizeof bytes)), bytes});
    observe("seek in a fifo", count(lseek(reader, 0, SEEK_CUR)));
    observe("truncate a fifo", outcome(ftruncate(writer, 0)));
    observe("map of a fifo's file", seen(fifo));
    close(reader);
    close(writer);

    int const listener = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{AF_UNIX, "socket"};
    auto const* const any = reinterpret_cast<sockaddr const*>(&address);
    observe("bind", {outcome(bind(listener, any, sizeof address)), seen(std::string("socket"))});
    observe("bind again", outcome(bind(socket(AF_UNIX, SOCK_STREAM, 0), any, sizeof address)));
    int const client = socket(AF_UNIX, SOCK_STREAM, 0);
    observe("connect to one that does not listen", outcome(connect(client, any, sizeof address)));
    observe("listen and connect",
            {outcome(listen(listener, 1)), outcome(connect(client, any, sizeof address))});
    observe("open a socket", opened(open("socket", O_RDWR)));
    close(listener);
    observe("connect to one that is gone",
            outcome(connect(socket(AF_UNIX, SOCK_STREAM, 0), any, sizeof address)));
    close(client);

    observe("whiteout",
            {outcome(mknod("whiteout", S_IFCHR | 0600, makedev(0, 0))), seen(std::string("whiteout"))});
    observe("character device",
            {outcome(mknod("null", S_IFCHR | 0666, makedev(1, 3))), seen(std::string("null"))});
    observe("block device",
            {outcome(mknod("disk", S_IFBLK | 0600, makedev(7, 99))), seen(std::string("disk"))});
    observe("open of the device", opened(open("null", O_RDWR)));
}

}  // namespace posix
