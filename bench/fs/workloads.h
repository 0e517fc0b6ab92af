// SPDX-License-Identifier: Apache-2.0
// What is measured. Each workload is set up once on a mounted share, then runs as often as asked.
#pragma once
#include <functional>
#include <span>
#include <string>

#include "bench/fs/session.h"

namespace krun::bench {

// Makes what the workloads need: TREE/rootfs/dir with files, TREE/rootfs/data.
void make_tree(std::string const& tree);

// Runs `count` operations, one after the other or as many at once as the workload says.
using Run = std::function<void(uint64_t count)>;

struct Workload {
    char const* name;
    uint64_t bytes;  // that an operation moves; 0: it is counted, not weighed
    double target;   // how many times virtiofsd's rate is wanted
    Run (*set_up)(Session&);
};

std::span<Workload const> workloads();

}  // namespace krun::bench
