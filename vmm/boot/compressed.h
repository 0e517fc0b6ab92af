// SPDX-License-Identifier: Apache-2.0
// Kernel files packed as a whole (vmlinux.gz, vmlinux.zst): unpacked into an anonymous file, once, with a
// bound on what comes out. One level: what unpacks to something packed is refused by whoever loads it.
#pragma once
#include <optional>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "vmm/boot/segment.h"

namespace krun::vmm {

// A kernel of today with its symbols has 50 MiB.
inline constexpr uint64_t kMaxUnpackedBytes = uint64_t{256} << 20;

bool is_gzip(KernelHead head);  // RFC 1952 §2.3.1
bool is_zstd(KernelHead head);  // RFC 8878 §3.1.1
// kInvalidConfig if the file is damaged, ends too early or is larger than kMaxUnpackedBytes.
Result<UniqueFd> unpack_gzip(BorrowedFd file);
Result<UniqueFd> unpack_zstd(BorrowedFd file);

// A gzip member in memory that unpacks to at most `max_bytes`; what follows it is not looked at.
std::optional<std::string> gunzip(std::span<std::byte const> packed, size_t max_bytes);

}  // namespace krun::vmm
