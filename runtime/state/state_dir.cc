// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

namespace krun::runtime {
namespace {

constexpr char const* kRecordName = "state.json";
constexpr int kLockAttempts = 1000;
constexpr timespec kLockPause{0, 10'000'000};  // ten seconds in all

Error not_ours(std::string const& what, char const* why, Where where = Where::current()) {
    return Error(Errc::kBadState, what + " is not ours: " + why, 0, where);
}

}  // namespace

Error no_such_container(std::string const& id, Where where) {
    return Error(Errc::kNotFound, "container \"" + id + "\" does not exist", 0, where);
}

Result<UniqueFd> open_private_dir(BorrowedFd parent, std::string const& name, std::string const& what) {
    auto dir = open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!dir.ok() && (dir.error().sys_errno() == ENOTDIR || dir.error().sys_errno() == ELOOP))
        return fail(not_ours(what, "it is a symbolic link or no directory"));
    if (!dir.ok()) return dir;
    struct stat info {};
    if (::fstat(dir.value().borrow().raw(), &info) < 0) return fail(Error::sys("look at " + what));
    if (info.st_uid != ::geteuid()) return fail(not_ours(what, "another user owns it"));
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) return fail(not_ours(what, "other users can write to it"));
    return dir;
}

Result<StateLock> StateDir::lock() const {
    StateLock lock(TRY(open_at(fd(), ".", O_RDONLY | O_DIRECTORY)));
    int const raw = lock.fd_.borrow().raw();
    for (int attempt = 0; ::flock(raw, LOCK_EX | LOCK_NB) < 0; ++attempt) {
        if (errno != EWOULDBLOCK && errno != EINTR) return fail(Error::sys("lock container " + id_));
        if (attempt == kLockAttempts)
            return fail(Error(Errc::kBadState, "container " + id_ + " is locked by another command"));
        ::nanosleep(&kLockPause, nullptr);
    }
    struct stat info {};
    if (::fstat(raw, &info) < 0) return fail(Error::sys("look at the state of container " + id_));
    if (info.st_nlink == 0) return fail(no_such_container(id_));  // deleted while we waited
    return lock;
}

Result<Record> StateDir::load() const {
    auto const corrupt = [&](std::string const& why) {
        return fail(Error(Errc::kInvalidConfig, "corrupt state for " + id_ + ": " + why));
    };
    UniqueFd record;
    struct stat info {};
    do {  // again if a save replaced it, or a delete removed it, before we looked at it
        // O_NONBLOCK: a FIFO planted there must not make us wait.
        auto file = open_at(fd(), kRecordName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        if (!file.ok() && file.error().sys_errno() == ENOENT) return fail(no_such_container(id_));
        if (!file.ok() && file.error().sys_errno() == ELOOP) return corrupt("state.json is a symbolic link");
        record = TRY(std::move(file));
        if (::fstat(record.borrow().raw(), &info) < 0) return fail(Error::sys("look at state.json"));
    } while (info.st_nlink == 0);
    if (!S_ISREG(info.st_mode) || info.st_nlink != 1 || info.st_uid != ::geteuid())
        return corrupt("state.json is not a file of ours alone");
    auto const text = read_file(record.borrow(), kMaxRecordBytes);
    if (!text.ok()) return corrupt(text.error().message());
    auto read = read_record(text.value(), id_);
    if (!read.ok()) return corrupt(read.error().message());
    return read;
}

Result<void> StateDir::save(Record const& record) const {
    auto saved = replace_file(fd(), kRecordName, write_record(record), 0600);
    // Its directory vanished: somebody forced the deletion.
    if (!saved.ok() && saved.error().sys_errno() == ENOENT) return fail(no_such_container(id_));
    if (!saved.ok() && saved.error().sys_errno() == ENOSPC)
        return fail(Error(Errc::kSystem, "no space left to save the state of container " + id_));
    return saved;
}

}  // namespace krun::runtime
