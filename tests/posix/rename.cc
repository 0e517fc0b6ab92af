// SPDX-License-Identifier: Apache-2.0
// rename(2) and renameat2(2): every type over every type.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "categories.h"
#include "scene.h"

namespace posix {
namespace {

struct Flag {
    unsigned flag;
    char const* name;
};
constexpr Flag kFlags[] = {
    {0, "over"}, {RENAME_NOREPLACE, "not replacing"}, {RENAME_EXCHANGE, "exchanged with"}};

void over_each_other(Flag const& flag) {
    for (auto const& from : kinds())
        for (auto const& to : kinds()) {
            if (!chosen()) continue;
            auto const source = fresh(from.type);
            auto const target = fresh(to.type);
            auto const result =
                outcome(renameat2(AT_FDCWD, source.c_str(), AT_FDCWD, target.c_str(), flag.flag));
            observe(std::string(from.name) + " " + flag.name + " " + to.name,
                    {result, ", then ", seen(source), " and ", seen(target)});
        }
}

void same_file() {
    auto const a = fresh(Type::kFile);
    auto const b = fresh_name();
    observe("link", outcome(link(a.c_str(), b.c_str())));
    observe("over another name of the same file", outcome(rename(a.c_str(), b.c_str())));
    observe("both names stay", {seen(a), " and ", seen(b)});
    observe("other name of the same file, not replacing",
            outcome(renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_NOREPLACE)));
}

void directories() {
    auto const parent = fresh(Type::kDir);
    auto const child = parent + "/child";
    mkdir(child.c_str(), 0755);
    observe("directory into its own child", outcome(rename(parent.c_str(), (child + "/x").c_str())));
    observe("directory over its parent", outcome(rename(child.c_str(), parent.c_str())));
    observe("directory exchanged with its child",
            outcome(renameat2(AT_FDCWD, parent.c_str(), AT_FDCWD, child.c_str(), RENAME_EXCHANGE)));
    auto const other = fresh(Type::kDir);
    observe("links of the parent", seen(parent));
    observe("directory to another", outcome(rename(child.c_str(), (other + "/child").c_str())));
    observe("links of the parents", {seen(parent), " and ", seen(other)});
    observe("dot-dot follows", seen(other + "/child/.."));
    observe("dot", outcome(rename((other + "/.").c_str(), fresh_name().c_str())));
    observe("dot-dot", outcome(rename((other + "/child/..").c_str(), fresh_name().c_str())));
    observe("to dot", outcome(rename(parent.c_str(), ".")));
}

void flags() {
    for (unsigned const flag : {3u, 6u, 8u, 0x80000000u}) {
        auto const file = fresh(Type::kFile);
        observe("flags " + std::to_string(flag),
                outcome(renameat2(AT_FDCWD, file.c_str(), AT_FDCWD, fresh_name().c_str(), flag)));
    }
}

void open_files() {
    auto const a = fresh(Type::kFile);
    auto const b = fresh(Type::kFile);
    write_file(b, "other");
    int const fd = open(b.c_str(), O_RDWR);
    observe("over an open file", outcome(rename(a.c_str(), b.c_str())));
    observe("the open file", {seen(fd), content(fd)});
    observe("write to it", count(write(fd, "new", 3)));
    observe("its bytes", content(fd));
    observe("the file by name", content(b));
    close(fd);
    int const moved = open(b.c_str(), O_RDWR | O_APPEND);
    auto const c = fresh_name();
    observe("an open file", outcome(rename(b.c_str(), c.c_str())));
    observe("write after the move", count(write(moved, "+", 1)));
    observe("bytes under the new name", content(c));
    close(moved);
}

}  // namespace

void rename_category() {
    for (auto const& flag : kFlags) over_each_other(flag);
    same_file();
    directories();
    flags();
    open_files();
}

}  // namespace posix
