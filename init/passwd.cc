// SPDX-License-Identifier: Apache-2.0
#include "init/passwd.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/fd.h"
#include "config-gen/user_names.h"
#include "init/mount_point.h"

namespace krun::init {
namespace {

// Far more than any image ships; a longer file is read as if it were not there.
constexpr size_t kMaxFileBytes = size_t{4} * 1024 * 1024;

std::string read_etc(BorrowedFd root, std::string const& path) {
    // An image may have put a FIFO or a terminal there: not blocking, and not becoming ours.
    auto const file = open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file.ok()) return {};
    struct stat st {};
    if (::fstat(file.value().borrow().raw(), &st) < 0 || !S_ISREG(st.st_mode)) return {};
    auto text = read_file(file.value().borrow(), kMaxFileBytes);
    return text.ok() ? std::move(text).value() : std::string();
}

}  // namespace

std::vector<std::string> environment_with_home(std::vector<std::string> env, BorrowedFd root, uint32_t uid) {
    bool const has_home =
        std::any_of(env.begin(), env.end(), [](std::string const& v) { return v.starts_with("HOME="); });
    if (has_home) return env;
    auto const home = home_in_passwd(read_etc(root, "/etc/passwd"), uid);
    env.push_back("HOME=" + (home.empty() ? "/" : home));
    return env;
}

Result<guest::User> resolve_user(guest::User const& user, BorrowedFd root) {
    if (user.name.empty() && user.group_name.empty()) return user;
    return look_up_user(user, read_etc(root, "/etc/passwd"), read_etc(root, "/etc/group"));
}

}  // namespace krun::init
