// SPDX-License-Identifier: Apache-2.0
// What a container gets that exists in memory only: files that annotations inject, and the tree /run/krun.
// The boot tree holds both beside the rootfs, and the guest binds them over what is there, after all other
// mounts.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config-gen/krun_config.h"
#include "oci/annotations.h"

namespace krun {

struct VirtualFile {
    std::string boot_path;  // virtual_file_path(N)
    std::string content;
    uint32_t mode = 0444;
    uint32_t uid = 0;  // of the machine
    uint32_t gid = 0;
    bool once = false;  // gone from the tree with its first open
};

// Where the boot tree holds file number N, "/files/N", and the tree that the payload finds at /run/krun.
std::string virtual_file_path(size_t number);
bool is_virtual_file(std::string_view boot_path);
inline constexpr char const* kInfoTree = "/krun";

// Adds their bind mounts to `config`, whose id maps say who the container's root is.
std::vector<VirtualFile> add_virtual_files(std::vector<oci::InjectedFile> const& files, KrunConfig& config);
void add_info_tree(KrunConfig& config);

}  // namespace krun
