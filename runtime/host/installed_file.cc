// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/installed_file.h"

#include <unistd.h>

#include <array>

namespace krun::runtime {
namespace {

// The directory of this very program, whatever name or link it was started by; empty if unknown.
std::string program_directory() {
    std::array<char, 4096> path;
    ssize_t const n = ::readlink("/proc/self/exe", path.data(), path.size());
    if (n <= 0 || static_cast<size_t>(n) == path.size()) return {};
    std::string const program(path.data(), static_cast<size_t>(n));
    return program.substr(0, program.rfind('/'));
}

}  // namespace

std::vector<std::string> installed_places(std::string const& name) {
    std::vector<std::string> places;
    if (auto const directory = program_directory(); !directory.empty())
        places.push_back(directory + "/../lib/krun-oci/" + name);
    places.push_back("/usr/lib/krun-oci/" + name);
    places.push_back("/usr/local/lib/krun-oci/" + name);
    return places;
}

}  // namespace krun::runtime
