// SPDX-License-Identifier: Apache-2.0
// Where the guest kernel comes from, and what a kernel that did not come up is missing.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

struct KernelImage {
    UniqueFd file;
    std::string path;  // for messages
};

// `wanted`, an absolute path, if it is not empty; else the file named by KRUN_OCI_KERNEL, else
// `../lib/krun-oci/vmlinux` beside this program, else /usr/lib/krun-oci/vmlinux and
// /usr/local/lib/krun-oci/vmlinux. Never a path from an image. A named file that is missing is an error; it
// is not skipped. Opened for reading, an ELF file by its first bytes.
Result<KernelImage> open_kernel(std::string const& wanted);

// Why a guest may have stopped before its init ran: names the kernel option that is absent, judging by the
// driver names an ELF kernel with them contains and by what it said. Empty if nothing is recognised.
// `console` is hostile text.
std::string diagnose_kernel(BorrowedFd kernel, std::string_view console);

}  // namespace krun::runtime
