// SPDX-License-Identifier: Apache-2.0
#include "config-gen/virtual_files.h"

namespace krun {
namespace {

constexpr std::string_view kFiles = "/files/";

guest::Mount over(std::string destination, std::string boot_path) {
    return {std::move(destination), "bind", std::move(boot_path), {"bind", "ro", "nosuid", "nodev"}};
}

}  // namespace

std::string virtual_file_path(size_t number) {
    return std::string(kFiles) + std::to_string(number);
}

bool is_virtual_file(std::string_view boot_path) {
    return boot_path.starts_with(kFiles);
}

std::vector<VirtualFile> add_virtual_files(std::vector<oci::InjectedFile> const& files, KrunConfig& config) {
    std::vector<VirtualFile> out;
    for (auto const& file : files) {
        out.push_back({.boot_path = virtual_file_path(out.size()),
                       .content = file.content,
                       .mode = file.secret ? 0400U : 0444U,
                       .uid = guest::machine_id(config.krun.uid_mappings, 0),
                       .gid = guest::machine_id(config.krun.gid_mappings, 0),
                       .once = file.secret});
        config.mounts.push_back(over(file.path, out.back().boot_path));
    }
    return out;
}

void add_info_tree(KrunConfig& config) {
    config.mounts.push_back(over("/run/krun", kInfoTree));
}

}  // namespace krun
