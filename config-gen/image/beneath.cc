// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/beneath.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/fd.h"
#include "base/strings.h"

namespace krun::image {
namespace {

Result<UniqueFd> open_resolved(BorrowedFd dir, std::string const& path, int flags, uint64_t resolve) {
    open_how how{};
    how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
    how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
    char const* const name = path.empty() ? "." : path.c_str();
    while (true) {
        long const fd = ::syscall(SYS_openat2, dir.raw(), name, &how, sizeof how);
        if (fd >= 0) return UniqueFd(static_cast<int>(fd));
        // EAGAIN: a rename on this system raced with a ".." (openat2(2)).
        if (errno != EINTR && errno != EAGAIN) return fail(Error::sys("open " + quoted(path)));
    }
}

struct CloseDir {
    void operator()(DIR* dir) const { ::closedir(dir); }
};

Result<void> remove_content(BorrowedFd parent, std::string const& name) {
    auto const dir = TRY(open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    for (auto const& child : TRY(list_directory(dir.borrow()))) TRY(remove_tree(dir.borrow(), child));
    return {};
}

}  // namespace

Result<UniqueFd> open_beneath(BorrowedFd dir, std::string const& path, int flags) {
    return open_resolved(dir, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
}

Result<UniqueFd> open_in_root(BorrowedFd dir, std::string const& path, int flags) {
    return open_resolved(dir, path, flags, RESOLVE_IN_ROOT);
}

Result<void> remove_tree(BorrowedFd dir, std::string const& name) {
    if (::unlinkat(dir.raw(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
    // EPERM is what POSIX wants of a directory, and some file systems say.
    if (errno != EISDIR && errno != EPERM) return fail(Error::sys("remove " + quoted(name)));
    if (::unlinkat(dir.raw(), name.c_str(), AT_REMOVEDIR) == 0) return {};
    if (errno != ENOTEMPTY && errno != EACCES) return fail(Error::sys("remove " + quoted(name)));
    // A directory of ours in a tree that nobody else writes to: it is still the one that was looked at.
    if (::fchmodat(dir.raw(), name.c_str(), 0700, 0) < 0) return fail(Error::sys("remove " + quoted(name)));
    TRY(remove_content(dir, name));
    if (::unlinkat(dir.raw(), name.c_str(), AT_REMOVEDIR) < 0)
        return fail(Error::sys("remove " + quoted(name)));
    return {};
}

Result<std::vector<std::string>> list_directory(BorrowedFd dir) {
    auto copy = TRY(duplicate(dir));
    std::unique_ptr<DIR, CloseDir> const stream(::fdopendir(copy.borrow().raw()));
    if (!stream) return fail(Error::sys("list a directory"));
    ignore(copy.release(), "the stream's now");
    ::rewinddir(stream.get());
    std::vector<std::string> out;
    while (true) {
        errno = 0;
        dirent const* const entry = ::readdir(stream.get());
        if (entry == nullptr && errno != 0) return fail(Error::sys("list a directory"));
        if (entry == nullptr) return out;
        std::string_view const name(entry->d_name);
        if (name != "." && name != "..") out.emplace_back(name);
    }
}

}  // namespace krun::image
