// SPDX-License-Identifier: Apache-2.0
// What is measured. Each workload is set up once on a mounted share, then runs as often as asked.
#pragma once
#include <functional>
#include <span>
#include <string>

#include "bench/fs/alone.h"
#include "bench/fs/session.h"

namespace krun::bench {

// Makes what the workloads need: TREE/rootfs/dir with kFiles files, TREE/rootfs/data with kDataBytes.
void make_tree(std::string const& tree);
inline constexpr unsigned kFiles = 1000;
inline constexpr uint64_t kDataBytes = uint64_t{64} << 20;
// One of them; any number will do.
std::string file_name(uint64_t i);

// Runs `count` operations, one after the other or as many at once as the workload says.
using Run = std::function<void(uint64_t count)>;

struct Workload {
    char const* name;
    uint64_t bytes;  // that an operation moves; 0: it is counted, not weighed
    double target;   // how many times virtiofsd's rate is wanted
    Run (*set_up)(Session&);
    Alone (*alone)(std::string const& tree);  // null where the time is not the calls'
    // That an operation is, if each is a short one and the next waits for its reply; else 0.
    unsigned requests = 0;
};

std::span<Workload const> workloads();

}  // namespace krun::bench
