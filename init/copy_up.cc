// SPDX-License-Identifier: Apache-2.0
#include "init/copy_up.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <array>
#include <climits>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace krun::init {
namespace {

// One descriptor pair and one stack frame a level: deeper trees are refused rather than run out of either.
constexpr int kMaxDepth = 128;

Result<void> copy_tree(BorrowedFd from, BorrowedFd to, int depth);

Result<void> copy_status(BorrowedFd to, struct stat const& st) {
    if (::fchown(to.raw(), st.st_uid, st.st_gid) < 0) return fail(Error::sys("set owner"));
    // After the owner: chown clears set-user-ID bits.
    if (::fchmod(to.raw(), st.st_mode & 07777) < 0) return fail(Error::sys("set mode"));
    timespec const times[] = {st.st_atim, st.st_mtim};
    if (::futimens(to.raw(), times) < 0) return fail(Error::sys("set times"));
    return {};
}

Result<void> copy_file(BorrowedFd from, BorrowedFd to, std::string const& name, struct stat const& st) {
    auto const in = TRY(open_at(from, name, O_RDONLY | O_NOFOLLOW));
    auto const out = TRY(open_at(to, name, O_WRONLY | O_CREAT | O_EXCL, 0600));
    while (true) {
        ssize_t const n = ::sendfile(out.borrow().raw(), in.borrow().raw(), nullptr, size_t{1} << 20);
        if (n == 0) break;
        if (n < 0 && errno != EINTR) return fail(Error::sys("copy data"));
    }
    return copy_status(out.borrow(), st);
}

Result<void> copy_link(BorrowedFd from, BorrowedFd to, std::string const& name, struct stat const& st) {
    std::array<char, PATH_MAX> target;
    ssize_t const n = ::readlinkat(from.raw(), name.c_str(), target.data(), target.size());
    if (n < 0) return fail(Error::sys("read link"));
    std::string const text(target.data(), static_cast<size_t>(n));
    if (::symlinkat(text.c_str(), to.raw(), name.c_str()) < 0) return fail(Error::sys("create link"));
    if (::fchownat(to.raw(), name.c_str(), st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(Error::sys("set owner"));
    return {};
}

Result<void> copy_directory(BorrowedFd from, BorrowedFd to, std::string const& name, int depth) {
    auto const in = TRY(open_at(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (::mkdirat(to.raw(), name.c_str(), 0700) < 0) return fail(Error::sys("create directory"));
    auto const out = TRY(open_at(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    return copy_tree(in.borrow(), out.borrow(), depth + 1);
}

Result<void> copy_entry(BorrowedFd from, BorrowedFd to, std::string const& name, int depth) {
    struct stat st {};
    if (::fstatat(from.raw(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) return fail(Error::sys("stat"));
    if (S_ISDIR(st.st_mode)) return copy_directory(from, to, name, depth);
    if (S_ISREG(st.st_mode)) return copy_file(from, to, name, st);
    if (S_ISLNK(st.st_mode)) return copy_link(from, to, name, st);
    return {};
}

// `from` and `to` are readable directories.
Result<void> copy_tree(BorrowedFd from, BorrowedFd to, int depth) {
    if (depth > kMaxDepth) return fail(Error(Errc::kUnsupported, "directories are nested too deeply"));
    struct stat st {};
    if (::fstat(from.raw(), &st) < 0) return fail(Error::sys("stat"));
    auto listing = TRY(open_at(from, ".", O_RDONLY | O_DIRECTORY));
    std::unique_ptr<DIR, int (*)(DIR*)> const dir(::fdopendir(listing.borrow().raw()), ::closedir);
    if (dir == nullptr) return fail(Error::sys("list directory"));
    static_cast<void>(listing.release());  // closedir() closes it
    while (dirent const* entry = ::readdir(dir.get())) {
        std::string const name(entry->d_name);
        if (name != "." && name != "..") TRY_WITH(copy_entry(from, to, name, depth), name);
    }
    return depth == 0 ? Result<void>() : copy_status(to, st);
}

}  // namespace

Result<void> copy_up(BorrowedFd from, BorrowedFd to) {
    auto const in = TRY(open_at(from, ".", O_RDONLY | O_DIRECTORY));
    auto const out = TRY(open_at(to, ".", O_RDONLY | O_DIRECTORY));
    return copy_tree(in.borrow(), out.borrow(), 0);
}

}  // namespace krun::init
