// SPDX-License-Identifier: Apache-2.0
// The container process's own seccomp filters. The guest is hostile, and whoever breaks out of it into this
// process finds in each thread no more system calls than that thread's work needs: no execve, no path of the
// host (container_root.h), no new socket. The device and vCPU threads' filters are the machine's
// (MachineSpec::confine_threads); the main thread's is here.
#pragma once
#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

// One heap for all threads. Those that the C library would make for each are given back by a look into /proc
// (glibc malloc/arena.c heap_trim), which no filter allows. Call before there are threads.
void use_one_heap();

// What happens at a call that a filter does not allow: the process writes the reason into `state_dir`
// (end_reason.h) and into the log, and ends with status 255. Call before any thread is confined.
Result<void> end_at_forbidden_calls(BorrowedFd state_dir);

// Confines the calling thread, which is to be the main one, and whatever it forks. Call when all others run:
// a filter is inherited. `connects`: it connects to unix sockets of the host's. Needs no_new_privs.
Result<void> confine_main_thread(bool connects);

}  // namespace krun::runtime
