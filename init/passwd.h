// SPDX-License-Identifier: Apache-2.0
// Users and groups by name, and home directories, from the container's own /etc/passwd and /etc/group.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"

namespace krun::init {

// process.env, plus HOME if it is not there: from /etc/passwd of `root`, else "/", as runc does.
std::vector<std::string> environment_with_home(std::vector<std::string> env, BorrowedFd root, uint32_t uid);

// `user` with its names turned into numbers (config-gen/user_names.h), by the files of `root`; one that is
// missing, no regular file or above 4 MiB is as if empty.
Result<guest::User> resolve_user(guest::User const& user, BorrowedFd root);

}  // namespace krun::init
