// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/container_id.h"

#include <algorithm>

#include "base/strings.h"

namespace krun::runtime {
namespace {

// isalnum() would ask the locale.
bool allowed(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '+' || c == '-' || c == '.';
}

}  // namespace

Result<void> check_container_id(std::string const& id) {
    auto const refuse = [&](char const* why) {
        return fail(Error(Errc::kInvalidConfig, "invalid container id " + quoted(id) + ": " + why));
    };
    if (id.empty()) return refuse("it is empty");
    if (id.size() > kMaxIdBytes) return refuse("it is longer than 255 characters");
    if (id.front() == '.' || id.front() == '-') return refuse("it starts with '.' or '-'");
    if (!std::all_of(id.begin(), id.end(), allowed))
        return refuse("only letters, digits and _ + - . are allowed");
    return {};
}

}  // namespace krun::runtime
