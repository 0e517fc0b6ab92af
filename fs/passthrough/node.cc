// SPDX-License-Identifier: Apache-2.0
// Finding files, and what they are.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "base/guard.h"
#include "fs/passthrough/export_policy.h"
#include "fs/passthrough/passthrough.h"

namespace krun::fs {

// With one writer, only that writer's own kernel can make what it caches untrue.
static constexpr Validity kLong = std::chrono::hours(24);
static constexpr Validity kShort = std::chrono::seconds(1);
// Directories between a file and the nearest one whose descriptor is cached. More than PATH_MAX has room for.
static constexpr size_t kMaxSteps = 8192;

Validity Passthrough::attr_valid() const {
    return sole_writer() ? kLong : kShort;
}

Entry Passthrough::decorate(NodeId node, FileStat const& stat) const {
    return Entry{node, stat.attr, attr_valid(), attr_valid()};
}

Attributes Passthrough::decorate(FileStat const& stat) const {
    return Attributes{stat.attr, attr_valid(), stat.born};
}

// A miss that the guest may remember: library search paths ask for thousands of names that are not there.
std::optional<Entry> Passthrough::negative() const {
    if (!sole_writer()) return std::nullopt;
    Entry miss;
    miss.entry_valid = kLong;
    return miss;
}

static bool out_of_fds(FsResult<UniqueFd> const& result) {
    return !result.ok() && (result.error().value == EMFILE || result.error().value == ENFILE);
}

FsResult<UniqueFd> Passthrough::open_name(InodeStore::Node const& dir, std::string_view name, int flags,
                                          mode_t mode) {
    auto fd = open_beneath(dir.fd->borrow(), name, flags, mode, options_.submounts);
    if (!out_of_fds(fd)) return fd;
    store_.evict_all();
    return open_beneath(dir.fd->borrow(), name, flags, mode, options_.submounts);
}

FsResult<UniqueFd> Passthrough::open_file(InodeStore::Node const& at, int flags) {
    auto fd = reopen(proc_self_fd_.borrow(), at.fd->borrow(), at.type, flags);
    if (!out_of_fds(fd)) return fd;
    store_.evict_all();
    return reopen(proc_self_fd_.borrow(), at.fd->borrow(), at.type, flags);
}

SharedFd Passthrough::open_already(NodeId node) const {
    auto const open = files_.newest_of(node);
    return open == nullptr ? nullptr : SharedFd(open, &open->fd);
}

FsResult<SharedFd> Passthrough::open_in(InodeStore::Node const& dir, std::string_view name,
                                        FileIdentity const& expected, mode_t type) {
    auto fd = open_name(dir, name, O_PATH);
    if (!fd.ok()) return fail(Errno{fd.error().value == ENOENT ? ESTALE : fd.error().value});
    auto shared = std::make_shared<UniqueFd const>(std::move(fd).value());
    auto const stat = TRY(stat_of(shared->borrow()));
    // The type too: the host gives a number out again when its file is gone, perhaps to a device.
    if (stat.identity != expected && guard_stands("identity")) return fail(Errno{ESTALE});
    if (!stat.is(type)) return fail(Errno{ESTALE});
    return SharedFd(std::move(shared));
}

FsResult<InodeStore::Node> Passthrough::reach(NodeId node) {
    auto at = TRY(store_.find(node));
    if (at.fd != nullptr) return at;
    if (auto open = open_already(node)) {
        at.fd = std::move(open);
        return at;
    }

    struct Step {
        NodeId node;
        FileIdentity identity;
        mode_t type;
        std::string name;
    };
    std::vector<Step> steps;
    while (at.fd == nullptr) {
        if (steps.size() == kMaxSteps) return fail(Errno{ESTALE});
        auto place = TRY(store_.place(node));
        steps.push_back({node, at.identity, at.type, std::move(place.name)});
        node = place.parent;
        at = TRY(store_.find(node));
    }
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
        auto fd = TRY(open_in(at, step->name, step->identity, step->type));
        store_.cache(step->node, fd);
        at = {step->identity, step->type, std::move(fd)};
    }
    return at;
}

FsResult<InodeStore::Node> Passthrough::reach_dir(NodeId node) {
    auto at = TRY(reach(node));
    if (at.type != S_IFDIR) return fail(Errno{ENOTDIR});
    return at;
}

FsResult<Entry> Passthrough::entry_of(NodeId parent, InodeStore::Node const& dir, std::string_view name,
                                      FileStat stat, SharedFd fd) {
    bool const crosses = stat.identity.mount != dir.identity.mount;
    if (crosses && (fd == nullptr || refused_file_system(fd->borrow(), stat) != nullptr))
        return fail(Errno{EACCES});
    // The guest makes a mount of its own there, so that inode numbers of two file systems never mix.
    if (crosses && stat.is(S_IFDIR)) stat.attr.flags |= abi::kAttrSubmount;
    auto const type = static_cast<mode_t>(stat.attr.mode & S_IFMT);
    auto const node = TRY(store_.remember({stat.identity, type, parent, name, std::move(fd)}));
    return decorate(node, stat);
}

// Nothing is opened for what lies in the directory's own mount: most of what is looked up is never opened,
// and what is, is opened by this name and proved to be this file (reach).
FsResult<Entry> Passthrough::lookup_in(NodeId parent, InodeStore::Node const& dir, std::string_view name) {
    auto const seen = TRY(stat_at(dir.fd->borrow(), name));
    if (seen.identity.mount == dir.identity.mount) return entry_of(parent, dir, name, seen, nullptr);
    auto fd = TRY(open_name(dir, name, O_PATH));
    auto const stat = TRY(stat_of(fd.borrow()));
    return entry_of(parent, dir, name, stat, std::make_shared<UniqueFd const>(std::move(fd)));
}

FsResult<Entry> Passthrough::lookup(NodeId parent, std::string_view name) {
    auto const dir = TRY(reach_dir(parent));
    auto found = lookup_in(parent, dir, name);
    if (found.ok() || found.error().value != ENOENT) return found;
    if (auto const miss = negative()) return *miss;
    return found;
}

FsResult<Attributes> Passthrough::getattr(NodeId node, std::optional<Handle> handle) {
    if (handle) {
        auto const file = TRY(files_.get(node, *handle));
        return decorate(TRY(stat_of(file->fd.borrow())));
    }
    auto const at = TRY(reach(node));
    return decorate(TRY(stat_of(at.fd->borrow())));
}

FsResult<std::string> Passthrough::readlink(NodeId node) {
    auto const at = TRY(reach(node));
    if (at.type != S_IFLNK) return fail(Errno{EINVAL});
    std::string target(PATH_MAX, '\0');
    ssize_t const n = ::readlinkat(at.fd->borrow().raw(), "", target.data(), target.size());
    if (n < 0) return fail(Errno{errno});
    target.resize(static_cast<size_t>(n));
    return target;
}

// With a budget the tree is as large as the budget, and as free.
static void limit(abi::Kstatfs& out, Budget const& budget) {
    auto const left = [](uint64_t most, uint64_t used) { return most > used ? most - used : 0; };
    auto const used = budget.usage();
    uint64_t const block = out.frsize != 0 ? out.frsize : out.bsize;
    uint64_t const free = left(budget.limits().bytes, used.bytes) / block;
    out.blocks = budget.limits().bytes / block;
    out.bfree = std::min(out.bfree, free);
    out.bavail = std::min(out.bavail, free);
    out.files = budget.limits().files;
    out.ffree = std::min(out.ffree, left(budget.limits().files, used.files));
}

FsResult<abi::Kstatfs> Passthrough::statfs(NodeId node) {
    auto const at = TRY(reach(node));
    struct statfs fs;
    if (::fstatfs(at.fd->borrow().raw(), &fs) != 0) return fail(Errno{errno});
    abi::Kstatfs out{};
    out.blocks = fs.f_blocks;
    out.bfree = fs.f_bfree;
    out.bavail = fs.f_bavail;
    out.files = fs.f_files;
    out.ffree = fs.f_ffree;
    out.bsize = static_cast<uint32_t>(fs.f_bsize);
    out.frsize = static_cast<uint32_t>(fs.f_frsize);
    out.namelen = static_cast<uint32_t>(fs.f_namelen);
    if (budget_) limit(out, *budget_);
    return out;
}

FsResult<void> Passthrough::syncfs(NodeId) {
    if (options_.read_only) return {};
    auto const root = TRY(reach(range_.root()));
    auto const fd = TRY(open_file(root, O_RDONLY));
    if (::syncfs(fd.borrow().raw()) != 0) return fail(Errno{errno});
    return {};
}

}  // namespace krun::fs
