// SPDX-License-Identifier: Apache-2.0
// Users and groups by name, and home directories, in the text of a container's own /etc/passwd and /etc/group
// (passwd(5), group(5)), which is a stranger's: malformed lines are passed over. Compiled into the guest's
// init too, so that both sides find the same.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "config-gen/krun_config.h"

namespace krun {

// The sixth field of the first well-formed line whose uid matches, or "" if there is none.
std::string home_in_passwd(std::string_view passwd, uint32_t uid);

// `user` with its names turned into numbers. A name may be a number, which then need not be in the file. A
// user without a group name gets the group of its line, or 0, and is a member of the groups that list it.
Result<guest::User> look_up_user(guest::User user, std::string_view passwd, std::string_view group);

}  // namespace krun
