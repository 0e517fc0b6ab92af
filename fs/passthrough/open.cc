// SPDX-License-Identifier: Apache-2.0
// Opening files, and making those that are opened at once.
#include <fcntl.h>
#include <sys/stat.h>

#include "base/guard.h"
#include "fs/passthrough/content_mark.h"
#include "fs/passthrough/credentials.h"
#include "fs/passthrough/passthrough.h"

namespace krun::fs {

// What reaches the host of the guest's open flags. Not O_APPEND: writes carry their offset, and write-back
// must hit it. Not O_DIRECT: guest buffers have no alignment to promise. O_PATH, O_TMPFILE, O_ASYNC and the
// rest have no business here.
static constexpr uint32_t kOpenFlags = O_ACCMODE | O_TRUNC | O_SYNC | O_DSYNC;

static int host_flags(uint32_t guest_flags) {
    auto const flags = static_cast<int>(guard_stands("open-flags") ? guest_flags & kOpenFlags : guest_flags);
    // Access mode 3 needs both permissions and gives neither (open(2)); the guest's kernel sees to the
    // latter.
    if ((flags & O_ACCMODE) == O_ACCMODE) return (flags & ~O_ACCMODE) | O_RDWR;
    return flags;
}

FileSystemKind Passthrough::kind_at(FileIdentity const& identity, BorrowedFd file) const {
    return identity.mount == mount_ ? kind_ : kind_of(file);
}

// Where locks are the host's, closing must tell that they end.
uint32_t Passthrough::open_flags(FileSystemKind kind, int flags) const {
    bool const writes = (flags & O_ACCMODE) != O_RDONLY;
    return options_.host_locks || (writes && kind.tells_at_close) ? 0 : abi::kFopenNoflush;
}

// Where others write, opening must look for news.
bool Passthrough::keeps_data(NodeId node, FileIdentity const& identity, BorrowedFd file) {
    if (options_.sharing != Sharing::kVisited || identity.mount != mount_) return sole_writer();
    auto const stat = stat_of(file);
    return stat.ok() && store_.is_as_before(node, content_mark(stat.value()));
}

FsResult<Opened> Passthrough::open_node(NodeId node, InodeStore::Node const& at, OpenArgs args) {
    if (at.type == S_IFDIR) return fail(Errno{EISDIR});
    auto const flags = host_flags(args.flags);
    std::optional<WithoutFsetid> kill;
    if (args.kill == KillPriv::kYes) kill_if_set(at.fd->borrow(), kill);
    auto fd = TRY(open_file(at, flags));
    auto charge = charge_of(fd.borrow());
    if (charge != nullptr && (flags & O_TRUNC) != 0) budget_->settle(*charge, fd.borrow());
    auto const kind = kind_at(at.identity, fd.borrow());
    auto const file = std::make_shared<OpenFile>(std::move(fd), kind, std::move(charge));
    auto const handle = TRY(files_.add(node, file));
    // Last: a guest whose file is not opened after all keeps what it has.
    auto const keeps = keeps_data(node, at.identity, file->fd.borrow()) ? abi::kFopenKeepCache : 0;
    return Opened{handle, open_flags(kind, flags) | keeps};
}

FsResult<Opened> Passthrough::open(NodeId node, OpenArgs args) {
    return open_node(node, TRY(reach(node)), args);
}

// A file that was just made and is open already.
FsResult<Created> Passthrough::adopt(Entry const& entry, FileIdentity const& identity, UniqueFd fd, int flags,
                                     Budget::SharedCharge charge) {
    auto const kind = kind_at(identity, fd.borrow());
    auto const keeps = sole_writer() ? abi::kFopenKeepCache : 0;
    auto const handle =
        files_.add(entry.node, std::make_shared<OpenFile>(std::move(fd), kind, std::move(charge)));
    if (!handle.ok()) {
        store_.forget(entry.node, 1);
        return fail(handle.error());
    }
    return Created{entry, {handle.value(), open_flags(kind, flags) | keeps}};
}

FsResult<Created> Passthrough::tmpfile(Caller caller, NodeId parent, CreateArgs args) {
    auto const flags = host_flags(args.flags);
    auto const exclusive = static_cast<int>(args.flags & O_EXCL);  // it can never be given a name
    auto const dir = TRY(reach_dir(parent));
    auto const room = TRY(room_for_one());
    auto file = TRY(as_caller(caller, [&] {
        return open_name(dir, ".", (flags & ~O_TRUNC) | O_TMPFILE | exclusive,
                         with_umask(args.mode & 07777, caller.umask));
    }));
    auto const stat = TRY(stat_of(file.borrow()));
    auto path_fd = TRY(reopen(proc_self_fd_.borrow(), file.borrow(), S_IFREG, O_PATH));
    auto charge = charge_of_new(stat);
    auto const node =
        TRY(store_.remember_nameless(stat.identity, S_IFREG, share(std::move(path_fd), charge)));
    return adopt(decorate(node, stat), stat.identity, std::move(file), flags, std::move(charge));
}

FsResult<Created> Passthrough::make_file(Caller caller, NodeId parent, InodeStore::Node const& dir,
                                         std::string_view name, CreateArgs args) {
    auto const flags = host_flags(args.flags);
    auto const room = TRY(room_for_one());
    auto fd = TRY(as_caller(caller, [&] {
        return open_name(dir, name, (flags & ~O_TRUNC) | O_CREAT | O_EXCL,
                         with_umask(args.mode & 07777, caller.umask));
    }));
    auto const stat = TRY(stat_of(fd.borrow()));
    auto charge = charge_of_new(stat);
    auto const entry = TRY(entry_of(parent, dir, name, stat, nullptr));
    return adopt(entry, stat.identity, std::move(fd), flags, std::move(charge));
}

FsResult<Created> Passthrough::create(Caller caller, NodeId parent, std::string_view name, CreateArgs args) {
    auto const dir = TRY(reach_dir(parent));
    auto made = make_file(caller, parent, dir, name, args);
    if (made.ok() || (args.flags & O_EXCL) != 0) return made;
    // Somebody else was first: as good, as long as it is a file to open. What is there needs no room, either.
    int const error = made.error().value;
    if (error != EEXIST && error != ENOSPC) return made;
    auto const entry = lookup_in(parent, dir, name);
    if (!entry.ok()) return fail(error == ENOSPC ? made.error() : entry.error());
    auto const opened = open(entry.value().node, {args.flags, args.kill});
    if (!opened.ok()) {
        store_.forget(entry.value().node, 1);
        return fail(opened.error());
    }
    return Created{entry.value(), opened.value()};
}

}  // namespace krun::fs
