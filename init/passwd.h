// SPDX-License-Identifier: Apache-2.0
// The home directory of a user, from the image's own /etc/passwd (passwd(5)), which is a stranger's text.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace krun::init {

// The sixth field of the first well-formed line whose uid matches, or "" if there is none.
std::string home_in_passwd(std::string_view passwd, uint32_t uid);

// process.env, plus HOME if it is not there: from /etc/passwd of `root`, else "/", as runc does.
std::vector<std::string> environment_with_home(std::vector<std::string> env, BorrowedFd root, uint32_t uid);

}  // namespace krun::init
