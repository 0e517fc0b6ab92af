// SPDX-License-Identifier: Apache-2.0
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace posix {

static std::string prefix;
static int names;

void observe_as(std::string const& text) {
    prefix = text;
}

void observe(std::string const& name, std::string const& value) {
    auto line = prefix + name + " = " + value;
    std::replace(line.begin(), line.end(), '\n', '?');
    puts(line.c_str());
}

void observe(std::string const& name, std::initializer_list<std::string> values) {
    std::string text;
    for (auto const& value : values) text += (text.empty() || value.empty() ? "" : " ") + value;
    observe(name, text);
}

std::string outcome(long result) {
    if (result >= 0) return "ok";
    char const* const name = strerrorname_np(errno);
    return name != nullptr ? name : "errno " + std::to_string(errno);
}

std::string count(long result) {
    return result >= 0 ? std::to_string(result) : outcome(result);
}

std::string opened(int fd) {
    auto const text = outcome(fd);
    if (fd >= 0) close(fd);
    return text;
}

std::string octal(unsigned mode) {
    std::array<char, 16> text;
    snprintf(text.data(), text.size(), "%04o", mode);
    return text.data();
}

static std::string describe(struct stat const& st) {
    static constexpr char kLetters[] = "?pc?d?b?-?l?s???";
    std::string text(1, kLetters[(st.st_mode >> 12) & 15]);
    text += octal(st.st_mode & 07777) + " links " + std::to_string(st.st_nlink) + " owner " +
            std::to_string(st.st_uid) + ":" + std::to_string(st.st_gid);
    if (!S_ISDIR(st.st_mode)) text += " size " + std::to_string(st.st_size);
    return text;
}

std::string seen(std::string const& path) {
    struct stat st;
    int const result = lstat(path.c_str(), &st);
    return result < 0 ? outcome(result) : describe(st);
}

std::string seen(int fd) {
    struct stat st;
    int const result = fstat(fd, &st);
    return result < 0 ? outcome(result) : describe(st);
}

std::string content(int fd) {
    std::string text;
    char last = 0;
    size_t run = 0;
    auto const end_run = [&] {
        if (run > 0) text += std::to_string(run) + (last == 0 ? '0' : last);
        run = 0;
    };
    std::array<char, 65536> bytes;
    off_t at = 0;
    while (true) {
        ssize_t const n = pread(fd, bytes.data(), bytes.size(), at);
        if (n < 0) return outcome(n);
        if (n == 0) break;
        for (ssize_t i = 0; i < n; ++i) {
            char const byte = bytes[static_cast<size_t>(i)];
            if (byte != last) end_run();
            last = byte;
            ++run;
        }
        at += n;
    }
    end_run();
    return text.empty() ? "empty" : text;
}

std::string content(std::string const& path) {
    int const fd = open(path.c_str(), O_RDONLY);
    if (fd < 0) return outcome(fd);
    auto const text = content(fd);
    close(fd);
    return text;
}

std::span<Kind const> kinds() {
    static constexpr Kind kKinds[] = {{Type::kNone, "nothing"},
                                      {Type::kFile, "file"},
                                      {Type::kDir, "directory"},
                                      {Type::kFullDir, "full dir"},
                                      {Type::kLink, "link to file"},
                                      {Type::kDirLink, "link to directory"},
                                      {Type::kDangling, "dangling link"},
                                      {Type::kLoop, "looping link"},
                                      {Type::kFifo, "fifo"},
                                      {Type::kSocket, "socket"}};
    return kKinds;
}

void write_file(std::string const& path, std::string const& text, mode_t mode) {
    int const fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (fd < 0 || write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        observe("write " + path, outcome(-1));
    if (fd >= 0) close(fd);
}

std::string fresh_name() {
    return "n" + std::to_string(names++);
}

std::string fresh(Type type) {
    auto const path = fresh_name();
    auto const* const name = path.c_str();
    int result = 0;
    switch (type) {
        case Type::kNone:
            break;
        case Type::kFile:
            write_file(path, "content");
            break;
        case Type::kDir:
            result = mkdir(name, 0755);
            break;
        case Type::kFullDir:
            result = mkdir(name, 0755);
            write_file(path + "/inside", "inside");
            break;
        case Type::kLink:
            write_file(path + ".file", "behind");
            result = symlink((path + ".file").c_str(), name);
            break;
        case Type::kDirLink:
            mkdir((path + ".dir").c_str(), 0755);
            result = symlink((path + ".dir").c_str(), name);
            break;
        case Type::kDangling:
            result = symlink("nowhere", name);
            break;
        case Type::kLoop:
            result = symlink(name, name);
            break;
        case Type::kFifo:
            result = mkfifo(name, 0644);
            break;
        case Type::kSocket:
            result = mknod(name, S_IFSOCK | 0644, 0);
            break;
    }
    if (result < 0) observe("make " + path, outcome(result));
    return path;
}

static unsigned one_in = 1;
static unsigned cases;
void choose_one_in(unsigned n) {
    one_in = n;
}
bool chosen() {
    return cases++ % one_in == 0;
}

bool unprivileged() {
    return geteuid() != 0;
}

// Groups first and last: only root may set them.
As::As(uid_t uid, gid_t gid, std::vector<gid_t> groups) : uid_(geteuid()), gid_(getegid()) {
    groups_.resize(static_cast<size_t>(getgroups(0, nullptr)));
    getgroups(static_cast<int>(groups_.size()), groups_.data());
    if (seteuid(0) < 0 || setgroups(groups.size(), groups.data()) < 0 || setegid(gid) < 0 || seteuid(uid) < 0)
        observe("become " + std::to_string(uid), outcome(-1));
}

As::~As() {
    if (seteuid(0) < 0 || setgroups(groups_.size(), groups_.data()) < 0 || setegid(gid_) < 0 ||
        seteuid(uid_) < 0)
        observe("become " + std::to_string(uid_), outcome(-1));
}

}  // namespace posix
