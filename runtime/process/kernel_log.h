// SPDX-License-Identifier: Apache-2.0
// The last 64 KiB that the guest kernel printed, kept apart from the payload's output: what is left to read
// when a VM dies. Written on the console's thread, read on any. All of it is hostile text.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "base/mutex.h"

namespace krun::runtime {

class KernelLog {
public:
    void append(std::span<std::byte const> bytes) EXCLUDES(mu_);
    std::string text() const EXCLUDES(mu_);
    // The line that best tells why the kernel stopped (its panic message, else its last line), printable
    // and at most 256 bytes; empty if it printed nothing.
    std::string last_words() const EXCLUDES(mu_);

private:
    static constexpr size_t kMaxBytes = 64 * 1024;  // bounds what a chatty guest costs the host
    mutable Mutex mu_;
    std::string text_ GUARDED_BY(mu_);
};

}  // namespace krun::runtime
