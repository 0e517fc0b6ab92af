// SPDX-License-Identifier: Apache-2.0
// Locks on the host (fcntl(2) "open file description locks", flock(2)).
#include <fcntl.h>
#include <sys/file.h>

#include <climits>

#include "fs/passthrough/passthrough.h"

namespace krun::fs {

static struct flock range_of(abi::FileLock const& lock) {
    struct flock range {};
    range.l_type = static_cast<short>(lock.type);
    range.l_whence = SEEK_SET;
    range.l_start = static_cast<off_t>(lock.start);
    range.l_len = lock.end == LLONG_MAX ? 0 : static_cast<off_t>(lock.end - lock.start + 1);
    return range;
}

// A lock to write needs a descriptor to write; where there is none, the guest has none either.
FsResult<SharedFd> Passthrough::lock_descriptor(NodeId node, LockArgs const& args) {
    if (auto known = locks_.find(node, args.owner)) return known;
    auto const at = TRY(reach(node));
    auto fd = open_file(at, options_.read_only ? O_RDONLY : O_RDWR);
    if (!fd.ok() && (fd.error().value == EACCES || fd.error().value == ETXTBSY || fd.error().value == EROFS))
        fd = open_file(at, O_RDONLY);
    auto shared = std::make_shared<UniqueFd const>(TRY(std::move(fd)));
    return locks_.add(node, args.owner, args.handle, args.lock.pid, SharedFd(std::move(shared)));
}

FsResult<void> Passthrough::setlk(NodeId node, LockArgs const& args) {
    auto const file = TRY(files_.get(node, args.handle));
    if (args.kind == LockKind::kWhole) {
        int const kind = args.lock.type == F_RDLCK ? LOCK_SH : args.lock.type == F_WRLCK ? LOCK_EX : LOCK_UN;
        // An open file of the guest is one of the host.
        return ::flock(file->fd.borrow().raw(), kind | LOCK_NB) == 0 ? FsResult<void>{} : fail(Errno{errno});
    }
    if (args.lock.type == F_UNLCK && locks_.find(node, args.owner) == nullptr) return {};
    auto const fd = TRY(lock_descriptor(node, args));
    auto range = range_of(args.lock);
    int const error = ::fcntl(fd->borrow().raw(), F_OFD_SETLK, &range) == 0 ? 0 : errno;
    bool const refused = error == EACCES || error == EAGAIN;
    if (args.waits && refused && would_wait_for_itself(node, args, fd->borrow())) return fail(Errno{EDEADLK});
    if (args.waits && !refused) waits_.end(node, args.owner);
    return error == 0 ? FsResult<void>{} : fail(Errno{refused ? EAGAIN : error});
}

// Whether the lock is held by somebody who waits, perhaps by way of others, for the owner that asks. That is
// seen only of owners in this guest.
bool Passthrough::would_wait_for_itself(NodeId node, LockArgs const& args, BorrowedFd own) {
    auto range = range_of(args.lock);
    if (::fcntl(own.raw(), F_OFD_GETLK, &range) != 0 || range.l_type == F_UNLCK) return false;
    auto const holder = holder_of(node, args.owner, range);
    if (holder) return !waits_.add(node, args.owner, holder->owner);
    waits_.end(node, args.owner);
    return false;
}

// Whose lock `conflict` is: the one who alone would not be refused it. Nobody's of this guest, perhaps.
std::optional<LockOwners::Holder> Passthrough::holder_of(NodeId node, uint64_t asking,
                                                         struct flock conflict) const {
    conflict.l_type = F_WRLCK;
    for (auto const& other : locks_.others(node, asking)) {
        auto range = conflict;
        range.l_pid = 0;
        if (::fcntl(other.fd->borrow().raw(), F_OFD_GETLK, &range) == 0 && range.l_type == F_UNLCK)
            return other;
    }
    return std::nullopt;
}

FsResult<abi::FileLock> Passthrough::getlk(NodeId node, LockArgs const& args) {
    auto const file = TRY(files_.get(node, args.handle));
    auto const own = locks_.find(node, args.owner);
    auto range = range_of(args.lock);
    if (::fcntl(own ? own->borrow().raw() : file->fd.borrow().raw(), F_OFD_GETLK, &range) != 0)
        return fail(Errno{errno});
    abi::FileLock out{};
    out.type = static_cast<uint32_t>(range.l_type);
    if (range.l_type == F_UNLCK) return out;
    out.start = static_cast<uint64_t>(range.l_start);
    out.end = range.l_len == 0 ? uint64_t{LLONG_MAX} : out.start + static_cast<uint64_t>(range.l_len) - 1;
    // Processes of the host have no number in the guest.
    auto const holder = holder_of(node, args.owner, range);
    out.pid = holder ? holder->pid : 0;
    return out;
}

}  // namespace krun::fs
