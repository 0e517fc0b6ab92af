// SPDX-License-Identifier: Apache-2.0
#include "bench/fs/alone.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "bench/driver/alone.h"
#include "bench/fs/workloads.h"

namespace krun::bench {
namespace {

constexpr size_t kPage = 4096;

using SharedFd = std::shared_ptr<UniqueFd const>;

SharedFd open_or_die(std::string const& path, int flags) {
    auto fd = std::make_shared<UniqueFd const>(::open(path.c_str(), flags | O_CLOEXEC));
    if (!fd->valid()) die("open what was to be measured");
    return fd;
}

int raw(SharedFd const& fd) {
    return fd->borrow().raw();
}

SharedFd dir_of(std::string const& tree) {
    return open_or_die(tree + "/rootfs/dir", O_PATH | O_DIRECTORY);
}

// Made before, so that only the calls are measured.
std::vector<std::string> names(std::string const& before) {
    std::vector<std::string> out;
    for (unsigned i = 0; i < kFiles; ++i) out.push_back(before + file_name(i));
    return out;
}

bool stat_by_name(int dir, char const* name) {
    struct statx out;
    return ::statx(dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_MNT_ID, &out) == 0;
}

void must_work(bool works) {
    if (!works) die("make the calls that were to be measured");
}

// A directory as the kernel writes it, in pieces; `see` has each name.
template <class See>
uint64_t list(int dir, See see) {
    alignas(dirent64) std::array<char, kPage> buffer;
    must_work(::lseek(dir, 0, SEEK_SET) == 0);
    for (uint64_t entries = 0;;) {
        long const end = ::syscall(SYS_getdents64, dir, buffer.data(), buffer.size());
        must_work(end >= 0);
        if (end == 0) return entries;
        for (long at = 0; at < end; ++entries) {
            auto const* const entry = reinterpret_cast<dirent64 const*>(buffer.data() + at);
            see(entry->d_name);
            at += entry->d_reclen;
        }
    }
}

template <class See>
Alone listing(std::string const& tree, See see) {
    return [dir = open_or_die(tree + "/rootfs/dir", O_RDONLY | O_DIRECTORY), see](uint64_t count) {
        for (uint64_t done = 0; done < count;)
            done += list(raw(dir), [&](char const* name) { see(raw(dir), name); });
    };
}

Alone transfers(std::string const& tree, TransfersAlone::Kind kind, uint32_t bytes) {
    auto const all = std::make_shared<TransfersAlone>(tree + "/rootfs/data", kind, bytes, kDataBytes);
    return [all](uint64_t count) { all->run(count); };
}

}  // namespace

Alone stats_by_name(std::string const& tree) {
    return [dir = dir_of(tree), all = names("")](uint64_t count) {
        for (uint64_t i = 0; i < count; ++i) must_work(stat_by_name(raw(dir), all[i % kFiles].c_str()));
    };
}

Alone stats_of_names_that_are_not_there(std::string const& tree) {
    return [dir = dir_of(tree), all = names("no-")](uint64_t count) {
        for (uint64_t i = 0; i < count; ++i) must_work(!stat_by_name(raw(dir), all[i % kFiles].c_str()));
    };
}

Alone stats_of_open_files(std::string const& tree) {
    std::vector<SharedFd> files;
    for (auto const& name : names("")) files.push_back(open_or_die(tree + "/rootfs/dir/" + name, O_PATH));
    return [files = std::move(files)](uint64_t count) {
        struct statx out;
        for (uint64_t i = 0; i < count; ++i)
            must_work(::statx(raw(files[i % kFiles]), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &out) == 0);
    };
}

Alone opens_and_closes(std::string const& tree) {
    return [dir = dir_of(tree), all = names("")](uint64_t count) {
        for (uint64_t i = 0; i < count; ++i) {
            int const fd = ::openat(raw(dir), all[i % kFiles].c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
            must_work(fd >= 0 && ::close(fd) == 0);
        }
    };
}

Alone creates_and_unlinks(std::string const& tree) {
    return [dir = dir_of(tree)](uint64_t count) {
        struct statx out;
        for (uint64_t i = 0; i < count; ++i) {
            int const fd = ::openat(raw(dir), "alone", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
            must_work(fd >= 0 && ::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &out) == 0);
            must_work(::close(fd) == 0 && ::unlinkat(raw(dir), "alone", 0) == 0);
        }
    };
}

Alone lists(std::string const& tree) {
    return listing(tree, [](int, char const*) {});
}

Alone lists_with_stats(std::string const& tree) {
    return listing(tree, [](int dir, char const* name) { must_work(stat_by_name(dir, name)); });
}

template <uint32_t kBytes>
Alone reads_data(std::string const& tree) {
    return transfers(tree, TransfersAlone::Kind::kRead, kBytes);
}
template <uint32_t kBytes>
Alone writes_data(std::string const& tree) {
    return transfers(tree, TransfersAlone::Kind::kWrite, kBytes);
}
template Alone reads_data<kPage>(std::string const&);
template Alone reads_data<1 << 20>(std::string const&);
template Alone writes_data<1 << 20>(std::string const&);

}  // namespace krun::bench
