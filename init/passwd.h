// SPDX-License-Identifier: Apache-2.0
// Users and groups by name, and home directories, from the container's own /etc/passwd and /etc/group
// (passwd(5), group(5)), which are a stranger's text: malformed lines are passed over.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"

namespace krun::init {

// The sixth field of the first well-formed line whose uid matches, or "" if there is none.
std::string home_in_passwd(std::string_view passwd, uint32_t uid);

// process.env, plus HOME if it is not there: from /etc/passwd of `root`, else "/", as runc does.
std::vector<std::string> environment_with_home(std::vector<std::string> env, BorrowedFd root, uint32_t uid);

// `user` with its names turned into numbers. A name may be a number, which then need not be in the file. A
// user without a group name gets the group of its line, or 0, and is a member of the groups that list it.
Result<guest::User> look_up_user(guest::User user, std::string_view passwd, std::string_view group);
// The same with the files of `root`; one that is missing, no regular file or above 4 MiB is as if empty.
Result<guest::User> resolve_user(guest::User const& user, BorrowedFd root);

}  // namespace krun::init
