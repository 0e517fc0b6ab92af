// SPDX-License-Identifier: Apache-2.0
// Names and paths: their lengths, and bytes that a file system might take for something else.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>

#include "categories.h"
#include "scene.h"

namespace posix {
namespace {

void lengths() {
    for (size_t const length : {1u, 2u, 127u, 128u, 254u, 255u, 256u, 300u, 4095u}) {
        std::string const name(length, 'n');
        auto const what = std::to_string(length) + " bytes: ";
        observe(what + "create", opened(open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644)));
        observe(what + "stat", seen(name));
        observe(what + "rename", outcome(rename(name.c_str(), (std::string(length, 'm')).c_str())));
        observe(what + "mkdir", outcome(mkdir(std::string(length, 'd').c_str(), 0755)));
        observe(what + "symlink", outcome(symlink("x", std::string(length, 's').c_str())));
        observe(what + "link",
                outcome(link(std::string(length, 'm').c_str(), std::string(length, 'l').c_str())));
        observe(what + "unlink", outcome(unlink(std::string(length, 'm').c_str())));
    }
}

void symlink_targets() {
    for (size_t const length : {1u, 59u, 60u, 61u, 1000u, 4094u, 4095u, 4096u}) {
        auto const name = fresh_name();
        observe("target of " + std::to_string(length),
                outcome(symlink(std::string(length, 't').c_str(), name.c_str())));
        std::string back(5000, 0);
        observe("read of " + std::to_string(length), count(readlink(name.c_str(), back.data(), back.size())));
        observe("read of " + std::to_string(length) + " into 10 bytes",
                count(readlink(name.c_str(), back.data(), 10)));
        observe("link of " + std::to_string(length), seen(name));
    }
    observe("empty target", outcome(symlink("", fresh_name().c_str())));
}

void bytes() {
    for (int byte = 1; byte < 256; byte += byte < 32 ? 1 : 9) {
        if (byte == '/' || byte == '.') continue;
        std::string const name{'b', static_cast<char>(byte), 'e'};
        observe("byte " + std::to_string(byte),
                {opened(open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600)), seen(name)});
    }
    for (char const* name :
         {"...", ".hidden", " ", "-rf", "a b", "A", "a", "\xc3\xa4", "\xff\xfe", "new\nline", "~", "*"})
        observe(std::string("name ") + name,
                {opened(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600)), seen(std::string(name))});
    observe("empty name", opened(open("", O_RDONLY)));
    observe("empty name to create", opened(open("", O_WRONLY | O_CREAT, 0600)));
}

void dots() {
    for (char const* name : {".", "..", "./", "../", "./.", "sub/.."}) {
        std::string const what = std::string("\"") + name + "\" ";
        observe(what + "mkdir", outcome(mkdir(name, 0755)));
        observe(what + "unlink", outcome(unlink(name)));
        observe(what + "symlink", outcome(symlink("x", name)));
        observe(what + "create", opened(open(name, O_RDWR | O_CREAT, 0600)));
        observe(what + "rename from", outcome(rename(name, "moved")));
    }
}

void deep() {
    int const top = open(".", O_RDONLY | O_DIRECTORY);
    std::string const component(100, 'd');
    int depth = 0;
    while (depth < 60 && mkdir(component.c_str(), 0755) == 0 && chdir(component.c_str()) == 0) ++depth;
    observe("depth", std::to_string(depth));
    char where[PATH_MAX];
    observe("path of the deepest directory", getcwd(where, sizeof where) != nullptr ? "ok" : outcome(-1));
    write_file("leaf", "deep");
    observe("file in it", content("leaf"));
    observe("up and down", seen("../" + component + "/leaf"));
    if (fchdir(top) < 0) abort();
    std::string path = component;
    for (int i = 1; i < 35; ++i) path += "/" + component;
    observe("35 components", seen(path));
    for (int i = 35; i < 45; ++i) path += "/" + component;
    observe("45 components are too long a path", seen(path));
    close(top);
}

void loops() {
    for (int i = 0; i < 45; ++i)
        if (symlink(("chain" + std::to_string(i - 1)).c_str(), ("chain" + std::to_string(i)).c_str()) < 0)
            observe("chain", outcome(-1));
    write_file("chain-1", "end");
    observe("39 links", content("chain38"));
    observe("40 links", content("chain39"));
    observe("41 links", content("chain40"));
}

}  // namespace

void name_category() {
    lengths();
    symlink_targets();
    bytes();
    dots();
    loops();
    deep();
}

}  // namespace posix
