// SPDX-License-Identifier: Apache-2.0
#include "init/mount_point.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <climits>
#include <vector>

#include "base/fd.h"

namespace krun::init {
namespace {

// path_resolution(7): the kernel gives up after 40 links as well.
constexpr int kMaxLinks = 40;
// Each retry needs a rename to race with us; nobody but another holder of the host's tree could do it.
constexpr int kMaxRetries = 32;

std::vector<std::string> split_path(std::string_view path) {
    std::vector<std::string> out;
    while (!path.empty()) {
        auto const slash = path.find('/');
        auto const name = path.substr(0, slash);
        if (!name.empty() && name != ".") out.emplace_back(name);
        path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    }
    return out;
}

// Walks one name at a time, each opened without following links, and creates what is missing.
class CreatingWalk {
public:
    CreatingWalk(BorrowedFd root, std::string const& path, NodeKind kind) : root_(root), kind_(kind) {
        prepend(path);
    }

    Result<UniqueFd> run() {
        while (!todo_.empty()) {
            std::string const name = std::move(todo_.back());
            todo_.pop_back();
            if (name == "..") {
                if (!above_.empty()) above_.pop_back();  // ".." of the root is the root
                continue;
            }
            TRY(step(name));
        }
        if (above_.empty()) return open_at(root_, ".", O_PATH | O_DIRECTORY);
        return std::move(above_.back());
    }

private:
    BorrowedFd here() const { return above_.empty() ? root_ : above_.back().borrow(); }

    // todo_ is a stack: the next name is at its end.
    void prepend(std::string_view path) {
        auto const names = split_path(path);
        todo_.insert(todo_.end(), names.rbegin(), names.rend());
    }

    Result<void> step(std::string const& name) {
        struct stat st {};
        if (::fstatat(here().raw(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
            if (errno != ENOENT) return fail(Error::sys("look up \"" + name + "\""));
            TRY(create(name));
        } else if (S_ISLNK(st.st_mode)) {
            return follow(name);
        }
        above_.push_back(TRY(open_at(here(), name, O_PATH | O_NOFOLLOW)));
        return {};
    }

    Result<void> create(std::string const& name) {
        if (todo_.empty() && kind_ == NodeKind::kFile) {
            ignore(TRY(open_at(here(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644)),
                   "only its name");
            return {};
        }
        if (::mkdirat(here().raw(), name.c_str(), 0755) < 0)
            return fail(Error::sys("create directory \"" + name + "\""));
        return {};
    }

    Result<void> follow(std::string const& name) {
        if (++links_ > kMaxLinks) return fail(Error(Errc::kSystem, "follow \"" + name + "\"", ELOOP));
        std::array<char, PATH_MAX> target;
        ssize_t const n = ::readlinkat(here().raw(), name.c_str(), target.data(), target.size());
        if (n < 0) return fail(Error::sys("read link \"" + name + "\""));
        std::string_view const text(target.data(), static_cast<size_t>(n));
        if (text.starts_with('/')) above_.clear();
        prepend(text);
        return {};
    }

    BorrowedFd root_;
    NodeKind kind_;
    std::vector<std::string> todo_;
    std::vector<UniqueFd> above_;  // the way from the root to here
    int links_ = 0;
};

}  // namespace

Result<UniqueFd> open_in_root(BorrowedFd root, std::string const& path, int flags) {
    open_how how{};
    how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    for (int attempt = 0;; ++attempt) {
        long const fd = ::syscall(SYS_openat2, root.raw(), path.c_str(), &how, sizeof how);
        if (fd >= 0) return UniqueFd(static_cast<int>(fd));
        // EAGAIN: a rename raced with a ".." (openat2(2)).
        if ((errno != EAGAIN && errno != EINTR) || attempt == kMaxRetries)
            return fail(Error::sys("open \"" + path + "\""));
    }
}

Result<UniqueFd> open_or_create_in_root(BorrowedFd root, std::string const& path, NodeKind kind) {
    auto found = open_in_root(root, path, O_PATH);
    if (found.ok() || found.error().sys_errno() != ENOENT) return found;
    return CreatingWalk(root, path, kind).run();
}

Result<ParentAndName> open_or_create_parent(BorrowedFd root, std::string const& path) {
    auto const names = split_path(path);
    if (names.empty() || names.back() == "..")
        return fail(Error(Errc::kInvalidConfig, "\"" + path + "\" does not name a file"));
    std::string parent("/");
    for (size_t i = 0; i + 1 < names.size(); ++i) {
        parent += names[i];
        parent += '/';
    }
    auto directory = TRY(open_or_create_in_root(root, parent, NodeKind::kDirectory));
    return ParentAndName{std::move(directory), names.back()};
}

}  // namespace krun::init
