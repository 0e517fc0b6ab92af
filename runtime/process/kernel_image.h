// SPDX-License-Identifier: Apache-2.0
// Where the guest kernel comes from, and what a kernel that did not come up is missing.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"
#include "vmm/device_state.h"

namespace krun::runtime {

struct KernelImage {
    UniqueFd file;
    std::string path;  // for messages
};

// `wanted`, an absolute path, if it is not empty; else the file named by KRUN_OCI_KERNEL, else
// `../lib/krun-oci/vmlinux` beside this program, else /usr/lib/krun-oci/vmlinux and
// /usr/local/lib/krun-oci/vmlinux. Never a path from an image. A named file that is missing is an error; it
// is not skipped. Opened for reading, in a form that vmm/boot/kernel.h knows by its first bytes.
Result<KernelImage> open_kernel(std::string const& wanted);

// Why a guest may have stopped before its init ran, in one line: the kernel option that is absent, by the
// configuration in `image` (what the machine loaded) if there is one, else by the devices that no driver of
// the kernel took; else what it said. Empty if nothing is recognised. `console` is hostile text.
std::string diagnose_kernel(std::string const& name, BorrowedFd image,
                            std::span<vmm::DeviceState const> devices, std::string_view console);

}  // namespace krun::runtime
