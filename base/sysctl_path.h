// SPDX-License-Identifier: Apache-2.0
// Names of sysctls as people write them.
#pragma once
#include <string>

namespace krun {

// The path below /proc/sys: "net.ipv4.ip_forward" -> "net/ipv4/ip_forward"; a '/' in a key stands for the '.'
// of a name such as "eth0.1", or is the separator if it comes first (sysctl.d(5)).
inline std::string sysctl_path(std::string const& key) {
    std::string path = key;
    auto const first = path.find_first_of("./");
    if (first == std::string::npos || path[first] == '/') return path;
    for (char& c : path)
        if (c == '.')
            c = '/';
        else if (c == '/')
            c = '.';
    return path;
}

}  // namespace krun
