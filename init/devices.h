// SPDX-License-Identifier: Apache-2.0
// The payload's /dev: the devices and links that every Linux container has (runtime-spec
// config-linux.md#default-devices, runtime-linux.md#dev-symbolic-links) and those that config.json adds.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"

namespace krun::init {

// True unless a bind mount at /dev brings devices of its own, which are then left alone, as runc does.
bool makes_devices(std::vector<guest::Mount> const& mounts);

// Creates the default nodes, `extra`, and the links. What is there already stays: a node must be the same
// device, a link is not looked into. REQUIRES: umask 0.
Result<void> create_devices(BorrowedFd root, std::vector<guest::Device> const& extra);

// A node of the kind that create_devices' `extra` are, and a link; parents are created.
Result<void> create_extra_device(BorrowedFd root, guest::Device const& device);
Result<void> create_device_link(BorrowedFd root, std::string const& path, std::string const& target);

}  // namespace krun::init
