// SPDX-License-Identifier: Apache-2.0
// Which trees may be served at all, and setting one up.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <optional>

#include "base/fd.h"
#include "base/guard.h"
#include "fs/passthrough/export_policy.h"
#include "fs/passthrough/passthrough.h"

namespace krun::fs {

namespace {
struct RefusedType {
    uint64_t magic;
    char const* name;
};
// File systems whose files are the host's kernel and devices, not data: writing one acts on the host,
// reading one tells about it, whatever the tree's permissions. Numbers without a name in linux/magic.h are
// from the file systems' own sources.
constexpr RefusedType kRefused[] = {
    {PROC_SUPER_MAGIC, "proc"},
    {SYSFS_MAGIC, "sysfs"},
    {CGROUP_SUPER_MAGIC, "cgroup"},
    {CGROUP2_SUPER_MAGIC, "cgroup2"},
    {DEVPTS_SUPER_MAGIC, "devpts"},
    {DEBUGFS_MAGIC, "debugfs"},
    {TRACEFS_MAGIC, "tracefs"},
    {SECURITYFS_MAGIC, "securityfs"},
    {SELINUX_MAGIC, "selinuxfs"},
    {BPF_FS_MAGIC, "bpf"},
    {EFIVARFS_MAGIC, "efivarfs"},
    {PSTOREFS_MAGIC, "pstore"},
    {NSFS_MAGIC, "nsfs"},
    {BINFMTFS_MAGIC, "binfmt_misc"},
    {BINDERFS_SUPER_MAGIC, "binder"},
    {0x62656570, "configfs"},
    {0x19800202, "mqueue"},
    {0x65735543, "fusectl"},
};

// The device number of what the host has on /dev, if that is a mount. Looked up when the first tree is made:
// later this process may have another root, whose /dev is an image's.
std::optional<dev_t> host_dev() {
    static std::optional<dev_t> const device = []() -> std::optional<dev_t> {
        struct stat dev, root;
        if (::stat("/dev", &dev) != 0 || ::stat("/", &root) != 0 || dev.st_dev == root.st_dev)
            return std::nullopt;
        return dev.st_dev;
    }();
    return device;
}

// A small part of what the process may open: a machine has several trees, and other uses for descriptors.
size_t affordable_fds(size_t wanted) {
    struct rlimit limit;
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
    return std::min<size_t>(wanted, std::max<size_t>(limit.rlim_cur / 8, 1));
}
}  // namespace

char const* refused_file_system(BorrowedFd file, FileStat const& stat) {
    struct statfs fs;
    if (::fstatfs(file.raw(), &fs) != 0) return "unknown";
    for (auto const& refused : kRefused)
        if (static_cast<uint64_t>(fs.f_type) == refused.magic && guard_stands("kernel-files"))
            return refused.name;
    // devtmpfs calls itself tmpfs.
    return host_dev() == stat.identity.device ? "devtmpfs" : nullptr;
}

Result<UniqueFd> open_proc_self_fd() {
    // Not open_path("/proc/self/fd"): a caller may be under a /proc that somebody else mounted.
    auto fd = TRY(open_path("/proc/self/fd", O_PATH | O_DIRECTORY | O_NOFOLLOW));
    struct statfs fs;
    if (::fstatfs(fd.borrow().raw(), &fs) != 0) return fail(Error::sys("statfs of /proc/self/fd"));
    if (fs.f_type != PROC_SUPER_MAGIC)
        return fail(Error(Errc::kSystem, "/proc/self/fd is not on a proc file system", ENOTSUP));
    return fd;
}

Result<std::unique_ptr<Passthrough>> Passthrough::make(UniqueFd tree, UniqueFd proc_self_fd,
                                                       PassthroughOptions options, NodeIds& ids) {
    auto const stat = stat_of(tree.borrow());
    if (!stat.ok()) return fail(Error(Errc::kSystem, "stat of the shared tree", stat.error().value));
    if (!stat.value().is(S_IFDIR) && !stat.value().is(S_IFREG) && guard_stands("export-type"))
        return fail(Error(Errc::kInvalidConfig, "only a directory or a regular file can be shared", EINVAL));
    if (auto const* type = refused_file_system(tree.borrow(), stat.value())) {
        std::string const text = std::string("a ") + type + " file system is never shared with a guest";
        return fail(Error(Errc::kInvalidConfig, text, EPERM));
    }
    ::umask(0);
    options.max_cached_fds = affordable_fds(options.max_cached_fds);
    options.max_lock_owners = affordable_fds(options.max_lock_owners);
    return std::unique_ptr<Passthrough>(
        new Passthrough(std::move(tree), stat.value(), std::move(proc_self_fd), options, ids));
}

Passthrough::Passthrough(UniqueFd tree, FileStat const& root, UniqueFd proc, PassthroughOptions options,
                         NodeIds& ids)
    : options_(options),
      range_(ids.claim()),
      proc_self_fd_(std::move(proc)),
      mount_(root.identity.mount),
      kind_(kind_of(tree.borrow())),
      budget_(options.budget ? std::make_unique<Budget>(*options.budget) : nullptr),
      store_(range_, {options.max_cached_fds, options.max_nodes}, root.identity, root.attr.mode & S_IFMT,
             std::move(tree)),
      files_(options.max_handles),
      dirs_(options.max_handles),
      locks_(options.max_lock_owners) {}

void Passthrough::destroy() {
    files_.clear();
    dirs_.clear();
    locks_.clear();
    waits_.clear();
    store_.forget_all();
}

}  // namespace krun::fs
