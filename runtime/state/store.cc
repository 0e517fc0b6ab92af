// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "base/fd.h"
#include "runtime/state/container_id.h"

namespace krun::runtime {
namespace {

// Makes `path` and the directories on the way to it; those that exist are left as they are.
Result<void> make_dirs(std::string const& path) {
    for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        std::string const part = path.substr(0, slash);
        if (::mkdir(part.c_str(), 0700) < 0 && errno != EEXIST)
            return fail(Error::sys("make directory " + part));
        if (slash == std::string::npos) return {};
    }
}

std::string without_end_slashes(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();  // O_NOFOLLOW looks at the last name
    return path;
}

// The names in `dir`, in no order, without "." and "..".
Result<std::vector<std::string>> names_in(BorrowedFd dir) {
    UniqueFd own = TRY(open_at(dir, ".", O_RDONLY | O_DIRECTORY));
    std::unique_ptr<DIR, int (*)(DIR*)> const stream(::fdopendir(own.borrow().raw()), ::closedir);
    if (!stream) return fail(Error::sys("list a directory"));
    static_cast<void>(own.release());  // the stream closes it
    std::vector<std::string> names;
    while (dirent const* const entry = ::readdir(stream.get())) {
        std::string_view const name = entry->d_name;
        if (name != "." && name != "..") names.emplace_back(name);
    }
    return names;
}

Error already_exists(Where where = Where::current()) {
    return Error(Errc::kBadState, "container with given ID already exists", 0, where);
}

// The first record makes the directory a container. Between its making and its opening, a forced delete and
// another create may have come: then it is the container of the one that saves first.
Result<void> save_first(StateDir const& dir, Record const& record) {
    auto const lock = TRY(dir.lock());
    auto others = open_at(dir.fd(), "state.json", O_PATH | O_NOFOLLOW);
    if (others.ok()) return fail(already_exists());
    if (others.error().sys_errno() != ENOENT) return fail(std::move(others).error());
    return dir.save(record);
}

}  // namespace

Result<Store> Store::open(std::string const& path) {
    auto dir = open_private_dir(BorrowedFd(AT_FDCWD), without_end_slashes(path), "state directory " + path);
    if (!dir.ok() && dir.error().sys_errno() == ENOENT) return Store(UniqueFd());
    return Store(TRY(std::move(dir)));
}

Result<Store> Store::open_or_create(std::string const& path) {
    TRY(make_dirs(without_end_slashes(path)));
    return open(path);
}

Result<StateDir> Store::create(std::string const& id) const {
    TRY(check_container_id(id));
    if (::mkdirat(dir_.borrow().raw(), id.c_str(), 0700) < 0) {
        if (errno == EEXIST) return fail(already_exists());
        if (errno == ENOSPC)
            return fail(Error(Errc::kSystem, "no space left for the state of container " + id));
        return fail(Error::sys("make the state directory of container " + id));
    }
    auto dir = find(id);
    if (!dir.ok()) drop_empty(id, dir.error());
    return dir;
}

Result<StateDir> Store::claim(Record const& first) const {
    auto dir = TRY(create(first.id));
    auto saved = save_first(dir, first);
    if (saved.ok()) return dir;
    drop_empty(first.id, saved.error());
    return fail(std::move(saved).error());
}

// Takes a new directory back. Not if the error is about another command: then the name may be that one's.
void Store::drop_empty(std::string const& id, Error const& why) const {
    if (why.code() == Errc::kSystem) ::unlinkat(dir_.borrow().raw(), id.c_str(), AT_REMOVEDIR);
}

Result<StateDir> Store::find(std::string const& id) const {
    TRY(check_container_id(id));
    if (!dir_.valid()) return fail(no_such_container(id));
    auto dir = open_private_dir(dir_.borrow(), id, "state directory of container " + id);
    if (!dir.ok() && dir.error().sys_errno() == ENOENT) return fail(no_such_container(id));
    return StateDir(id, TRY(std::move(dir)));
}

Result<std::vector<std::string>> Store::list() const {
    if (!dir_.valid()) return std::vector<std::string>();
    auto ids = TRY(names_in(dir_.borrow()));
    std::erase_if(ids, [](std::string const& id) { return !check_container_id(id).ok(); });
    std::sort(ids.begin(), ids.end());
    return ids;
}

Result<void> Store::remove(StateDir const& dir, StateLock const& /*locked*/) const {
    auto names = TRY(names_in(dir.fd()));
    // The record goes last: if we are killed before that, the next delete knows what to clean up.
    std::stable_partition(names.begin(), names.end(), [](auto const& name) { return name != "state.json"; });
    for (auto const& name : names)
        if (::unlinkat(dir.fd().raw(), name.c_str(), 0) < 0 && errno != ENOENT)
            return fail(Error::sys("remove " + name + " of container " + dir.id()));
    // The name still means this directory: nobody renames it, and only a lock's holder removes it.
    if (::unlinkat(dir_.borrow().raw(), dir.id().c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT)
        return fail(Error::sys("remove the state directory of container " + dir.id()));
    return {};
}

}  // namespace krun::runtime
