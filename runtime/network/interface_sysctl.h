// SPDX-License-Identifier: Apache-2.0
// Which sysctls exist only while a network interface does. Names have '/' between their parts.
#pragma once
#include <string_view>

namespace krun::runtime {

// The interface that `path` is about, as in "net/ipv4/conf/eth0/rp_filter"; empty if it is about none, or
// about what is there from the beginning.
constexpr std::string_view interface_of_sysctl(std::string_view path) {
    constexpr std::string_view kFamilies[] = {"net/ipv4/conf/", "net/ipv4/neigh/", "net/ipv6/conf/",
                                              "net/ipv6/neigh/"};
    for (auto const family : kFamilies) {
        if (!path.starts_with(family)) continue;
        path.remove_prefix(family.size());
        auto const name = path.substr(0, path.find('/'));
        return name == "all" || name == "default" || name == "lo" ? std::string_view() : name;
    }
    return {};
}

constexpr bool is_sysctl_of(std::string_view path, std::string_view interface) {
    return !interface.empty() && interface_of_sysctl(path) == interface;
}

}  // namespace krun::runtime
