// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolation/overlay_mount.h"

#include <sys/mount.h>

#include <cerrno>

#include "base/strings.h"

namespace krun::runtime {
namespace {

Result<void> set_option(BorrowedFd context, std::string const& option) {
    auto const equals = option.find('=');
    int const set = equals == std::string::npos
                        ? ::fsconfig(context.raw(), FSCONFIG_SET_FLAG, option.c_str(), nullptr, 0)
                        : ::fsconfig(context.raw(), FSCONFIG_SET_STRING, option.substr(0, equals).c_str(),
                                     option.substr(equals + 1).c_str(), 0);
    if (set < 0) return fail(Error::sys("option " + quoted(option)));
    return {};
}

}  // namespace

Result<UniqueFd> mount_overlay(std::vector<std::string> const& options) {
    UniqueFd const context(::fsopen("overlay", FSOPEN_CLOEXEC));
    if (!context.valid()) return fail(Error::sys("open file system \"overlay\""));
    for (auto const& option : options) TRY(set_option(context.borrow(), option));
    if (::fsconfig(context.borrow().raw(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
        return fail(Error::sys("create the overlay"));
    UniqueFd mount(::fsmount(context.borrow().raw(), FSMOUNT_CLOEXEC, 0));
    if (!mount.valid()) return fail(Error::sys("mount the overlay"));
    return mount;
}

}  // namespace krun::runtime
