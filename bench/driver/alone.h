// SPDX-License-Identifier: Apache-2.0
// The host's own part of what is measured: the system calls that no server can do without, made one after the
// other by a program that does nothing else. It says how quick a server could be at best that asks the kernel
// from one thread.
#pragma once
#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "bench/driver/ram.h"

namespace krun::bench {

// Nanoseconds of one of `run`'s operations, the best of `turns` of about `seconds` each.
double alone_ns(std::function<void(uint64_t count)> const& run, double seconds, unsigned turns);

// Reads or writes of a file from and to pages of a guest that are no neighbours: large ones in a row, single
// pages anywhere.
class TransfersAlone {
public:
    enum class Kind { kRead, kWrite };
    // `bytes`: of each, whole pages; `file_bytes`: of which `path` has as many at least.
    TransfersAlone(std::string const& path, Kind kind, uint32_t bytes, uint64_t file_bytes);
    void run(uint64_t count);

private:
    Kind const kind_;
    uint32_t const bytes_;
    uint64_t const places_;
    UniqueFd const file_;
    Ram ram_;
    std::vector<iovec> pages_;
    uint64_t next_ = 0;
};

}  // namespace krun::bench
