// SPDX-License-Identifier: Apache-2.0
// A container as the host's tools see it, below /proc/PID/root and in the mount namespace of its process:
// `podman cp` and its like read and write there. It is for them alone: the guest is served by other copies of
// the same trees.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/from_oci.h"
#include "runtime/process/host_handles.h"

namespace krun::runtime {

class OutsideView {
public:
    // Takes copies of the rootfs and the bind sources in `host`, while they can be reached. What is mounted
    // over them later reaches neither the host nor the guest.
    static Result<OutsideView> prepare(GuestPlan const& plan, HostHandles const& host);

    BorrowedFd root() const { return root_.borrow(); }

    // Mounts everything else, once root() is this process's root: a bind mount is its source; any other mount
    // is the guest's alone and shows as an empty read-only directory, so that nothing is put beneath it by
    // mistake. A mount point that the rootfs lacks is left out.
    Result<void> mount_rest();

private:
    struct Place {
        std::string path;  // from the root; its links are followed, beneath the root
        UniqueFd tree;     // a detached mount, or invalid: an empty directory
    };

    UniqueFd root_;
    std::vector<Place> places_;  // in the order of config.json
};

}  // namespace krun::runtime
