// SPDX-License-Identifier: Apache-2.0
#include "init/passwd.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/fd.h"
#include "base/strings.h"
#include "init/mount_point.h"

namespace krun::init {
namespace {

// Far more than any image ships; a longer file is read as if it were not there.
constexpr size_t kMaxPasswdBytes = size_t{4} * 1024 * 1024;

std::string read_passwd(BorrowedFd root) {
    // Not blocking: an image may have put a FIFO there.
    auto const file = open_in_root(root, "/etc/passwd", O_RDONLY | O_NONBLOCK);
    if (!file.ok()) return {};
    struct stat st {};
    if (::fstat(file.value().borrow().raw(), &st) < 0 || !S_ISREG(st.st_mode)) return {};
    auto text = read_file(file.value().borrow(), kMaxPasswdBytes);
    return text.ok() ? std::move(text).value() : std::string();
}

}  // namespace

std::string home_in_passwd(std::string_view passwd, uint32_t uid) {
    for (auto const line : split(passwd, '\n')) {
        auto const fields = split(line, ':');
        if (fields.size() == 7 && parse_uint64(fields[2]) == uint64_t{uid}) return std::string(fields[5]);
    }
    return {};
}

std::vector<std::string> environment_with_home(std::vector<std::string> env, BorrowedFd root, uint32_t uid) {
    bool const has_home =
        std::any_of(env.begin(), env.end(), [](std::string const& v) { return v.starts_with("HOME="); });
    if (has_home) return env;
    auto const home = home_in_passwd(read_passwd(root), uid);
    env.push_back("HOME=" + (home.empty() ? "/" : home));
    return env;
}

}  // namespace krun::init
