// SPDX-License-Identifier: Apache-2.0
#include "tests/rawfuse/canaries.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/fd.h"

namespace krun::test {

static bool same(struct stat const& a, struct stat const& b) {
    auto const equal = [](timespec x, timespec y) { return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec; };
    return a.st_ino == b.st_ino && a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid &&
           a.st_size == b.st_size && a.st_nlink == b.st_nlink && equal(a.st_atim, b.st_atim) &&
           equal(a.st_mtim, b.st_mtim) && equal(a.st_ctim, b.st_ctim);
}

Canaries::Canaries(std::string dir) : watch_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    for (int i = 0; i < kCount; ++i) {
        auto const path = dir + "/canary-" + std::to_string(i);
        if (i < kCount * 9 / 10)
            std::ofstream(path) << "sings " << i;
        else
            std::filesystem::create_directory(path);
        paths_.push_back(path);
    }
    for (auto const& path : paths_) {
        auto& snapshot = before_.emplace_back();
        ::lstat(path.c_str(), &snapshot.stat);
        if (S_ISREG(snapshot.stat.st_mode)) snapshot.content = read_file(path, 100).value();
        ::lstat(path.c_str(), &snapshot.stat);
    }
    for (auto const& path : paths_) {
        int const wd =
            ::inotify_add_watch(watch_.borrow().raw(), path.c_str(), IN_ALL_EVENTS | IN_DONT_FOLLOW);
        if (wd >= 0) watched_[wd] = path;
    }
}

std::vector<std::string> Canaries::touched() {
    std::vector<std::string> out;
    alignas(inotify_event) std::array<char, 4096> buffer;
    for (ssize_t n = 0; (n = ::read(watch_.borrow().raw(), buffer.data(), buffer.size())) > 0;)
        for (ssize_t at = 0; at < n;) {
            inotify_event event;
            std::memcpy(&event, buffer.data() + at, sizeof event);
            out.push_back(watched_[event.wd] + ": event " + std::to_string(event.mask));
            at += static_cast<ssize_t>(sizeof event + event.len);
        }
    if (watched_.size() != paths_.size()) out.push_back("not every canary could be watched");
    for (size_t i = 0; i < paths_.size(); ++i) {
        struct stat now {};
        if (::lstat(paths_[i].c_str(), &now) != 0 || !same(now, before_[i].stat))
            out.push_back(paths_[i] + ": is not what it was");
        else if (S_ISREG(now.st_mode) && read_file(paths_[i], 100).value() != before_[i].content)
            out.push_back(paths_[i] + ": has other content");
    }
    return out;
}

}  // namespace krun::test
