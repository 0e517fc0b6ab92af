// SPDX-License-Identifier: Apache-2.0
#include "init/mounts.h"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>

#include "base/fd.h"
#include "init/copy_up.h"
#include "init/mount_options.h"
#include "init/mount_point.h"
#include "init/socket_mount.h"

namespace krun::init {
namespace {

// What the kernel wrote about the last failure on this context, without its "e " or "w " mark (fsopen(2)).
std::string kernel_words(BorrowedFd context) {
    std::array<char, 256> text;
    ssize_t const n = ::read(context.raw(), text.data(), text.size());
    if (n <= 2) return {};
    std::string_view words(text.data() + 2, static_cast<size_t>(n) - 2);
    while (words.ends_with('\n')) words.remove_suffix(1);
    return " (" + std::string(words) + ")";
}

// The types that another kernel or engine calls otherwise. The guest has no cgroup v1.
std::string guest_type(std::string const& type) {
    return type == "cgroup" ? "cgroup2" : type;
}

Result<bool> is_directory(BorrowedFd fd) {
    struct stat st {};
    if (::fstat(fd.raw(), &st) < 0) return fail(Error::sys("stat"));
    return S_ISDIR(st.st_mode);
}

Result<UniqueFd> take_source(guest::Mount const& mount, MountOptions const& options,
                             OnSocket const& on_socket) {
    if (!mount.socket) return clone_tree(BorrowedFd(AT_FDCWD), mount.source, options.recursive);
    auto made = TRY(make_socket_mount(mount));
    TRY(on_socket(made.number, std::move(made.listener)));
    return std::move(made.tree);
}

Result<UniqueFd> make_bind(guest::Mount const& mount, MountOptions const& options,
                           OnSocket const& on_socket) {
    auto tree = TRY(take_source(mount, options, on_socket));
    TRY(change_attributes(tree.borrow(), options.attr_set, options.attr_clear, /*recursive=*/false));
    return tree;
}

// These belong to the machine's root whoever mounts them; the payload expects its own.
Result<void> give_to_creator(BorrowedFd root) {
    constexpr auto kAsk = static_cast<uid_t>(-1);  // no id: setfsuid(2) only answers
    auto const uid = static_cast<uid_t>(::setfsuid(kAsk));
    auto const gid = static_cast<gid_t>(::setfsgid(kAsk));
    if (uid == 0 && gid == 0) return {};
    if (::fchownat(root.raw(), "", uid, gid, AT_EMPTY_PATH) < 0) return fail(Error::sys("set owner"));
    return {};
}

bool sets_mode(MountOptions const& options) {
    return std::any_of(options.parameters.begin(), options.parameters.end(),
                       [](auto const& parameter) { return parameter.first == "mode"; });
}

// A tmpfs that is told no mode has that of the directory it covers, as with other runtimes; a directory that
// is still to be made says nothing.
void keep_mode(BorrowedFd root, guest::Mount const& mount, MountOptions& options) {
    if (options.bind || sets_mode(options)) return;
    auto const covered = open_in_root(root, mount.destination, O_PATH | O_DIRECTORY);
    struct stat st {};
    if (!covered.ok() || ::fstat(covered.value().borrow().raw(), &st) < 0) return;
    std::array<char, 8> mode{};
    std::snprintf(mode.data(), mode.size(), "%04o", st.st_mode & 07777);
    options.parameters.emplace_back("mode", mode.data());
}

Result<UniqueFd> make_fresh(guest::Mount const& mount, MountOptions const& options) {
    FileSystemRequest request{guest_type(mount.type), mount.source, options.flags, options.parameters,
                              options.attr_set};
    if (request.source.empty()) request.source = request.type;
    if (request.type == "tmpfs") request.attributes &= ~uint64_t{MOUNT_ATTR_RDONLY};
    auto made = TRY(make_file_system(request));
    if (request.type == "devpts" || request.type == "mqueue") TRY(give_to_creator(made.borrow()));
    return made;
}

Result<void> apply_tree_and_propagation(BorrowedFd made, MountOptions const& options) {
    TRY(change_attributes(made, options.tree_set, options.tree_clear, /*recursive=*/true));
    for (auto const flags : options.propagation) TRY(change_propagation(made, flags));
    return {};
}

}  // namespace

Result<UniqueFd> make_file_system(FileSystemRequest const& request) {
    UniqueFd const context(::fsopen(request.type.c_str(), FSOPEN_CLOEXEC));
    if (!context.valid() && errno == ENODEV)
        return fail(
            Error(Errc::kUnsupported, "the guest kernel has no file system \"" + request.type + "\""));
    if (!context.valid()) return fail(Error::sys("open file system \"" + request.type + "\""));
    int const fd = context.borrow().raw();
    auto const refused = [&](std::string const& what) {
        auto const saved = errno;
        return fail(Error(Errc::kSystem, what + kernel_words(context.borrow()), saved));
    };
    if (::fsconfig(fd, FSCONFIG_SET_STRING, "source", request.source.c_str(), 0) < 0)
        return refused("set source \"" + request.source + "\"");
    for (auto const& flag : request.flags)
        if (::fsconfig(fd, FSCONFIG_SET_FLAG, flag.c_str(), nullptr, 0) < 0)
            return refused("option \"" + flag + "\"");
    for (auto const& [name, value] : request.parameters)
        if (::fsconfig(fd, FSCONFIG_SET_STRING, name.c_str(), value.c_str(), 0) < 0)
            return refused(std::string("option \"").append(name).append("=").append(value).append("\""));
    if (::fsconfig(fd, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
        return refused("create file system \"" + request.type + "\"");
    // Attributes of a mount are not inherited from anything: what is not set is clear.
    UniqueFd made(::fsmount(fd, FSMOUNT_CLOEXEC, static_cast<unsigned>(request.attributes)));
    if (!made.valid()) return refused("mount file system \"" + request.type + "\"");
    return made;
}

Result<UniqueFd> clone_tree(BorrowedFd dir, std::string const& path, bool recursive) {
    unsigned const flags =
        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? unsigned{AT_RECURSIVE} : 0U);
    UniqueFd tree(::open_tree(dir.raw(), path.c_str(), flags));
    if (!tree.valid()) return fail(Error::sys("take mount \"" + path + "\""));
    return tree;
}

Result<void> attach(BorrowedFd detached, BorrowedFd target) {
    unsigned const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    if (::move_mount(detached.raw(), "", target.raw(), "", flags) < 0)
        return fail(Error::sys("attach mount"));
    return {};
}

Result<void> change_attributes(BorrowedFd mount, uint64_t set, uint64_t clear, bool recursive) {
    if (set == 0 && clear == 0) return {};
    mount_attr attr{};
    attr.attr_set = set;
    attr.attr_clr = clear;
    unsigned const flags = AT_EMPTY_PATH | (recursive ? unsigned{AT_RECURSIVE} : 0U);
    if (::mount_setattr(mount.raw(), "", flags, &attr, sizeof attr) < 0)
        return fail(Error::sys("change mount attributes"));
    return {};
}

Result<void> change_propagation(BorrowedFd mount, unsigned long flags) {
    mount_attr attr{};
    attr.propagation = flags & ~static_cast<unsigned long>(MS_REC);
    unsigned const at = AT_EMPTY_PATH | ((flags & MS_REC) != 0 ? unsigned{AT_RECURSIVE} : 0U);
    if (::mount_setattr(mount.raw(), "", at, &attr, sizeof attr) < 0)
        return fail(Error::sys("change mount propagation"));
    return {};
}

Result<std::optional<UniqueFd>> mount_one(BorrowedFd root, guest::Mount const& mount,
                                          OnSocket const& on_socket) {
    auto options = TRY(parse_mount_options(mount.options));
    if (mount.type == "tmpfs") keep_mode(root, mount, options);
    bool const bind = options.bind || mount.type == "bind";
    auto made = TRY(bind ? make_bind(mount, options, on_socket) : make_fresh(mount, options));
    auto const kind = TRY(is_directory(made.borrow()))
    ? NodeKind::kDirectory : NodeKind::kFile;
    auto const target = TRY(open_or_create_in_root(root, mount.destination, kind));
    if (options.copy_up && !bind) TRY_WITH(copy_up(target.borrow(), made.borrow()), "copy up");
    TRY(attach(made.borrow(), target.borrow()));
    TRY(apply_tree_and_propagation(made.borrow(), options));
    if (bind || mount.type != "tmpfs" || (options.attr_set & MOUNT_ATTR_RDONLY) == 0)
        return std::optional<UniqueFd>();
    return std::optional<UniqueFd>(std::move(made));
}

}  // namespace krun::init
