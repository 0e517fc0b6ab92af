// SPDX-License-Identifier: Apache-2.0
// What a handle of a passthrough file system holds.
#pragma once
#include <atomic>
#include <cstdint>

#include "base/mutex.h"
#include "base/unique_fd.h"
#include "fs/passthrough/budget.h"
#include "fs/passthrough/file_system_kind.h"

namespace krun::fs {

struct OpenFile {
    OpenFile(UniqueFd opened, FileSystemKind in, Budget::SharedCharge of)
        : fd(std::move(opened)), kind(in), charge(std::move(of)) {}
    UniqueFd const fd;
    FileSystemKind const kind;
    Budget::SharedCharge const charge;  // null without a budget
    // Its file system cannot read without perhaps waiting for the disk (preadv2(2) RWF_NOWAIT): overlayfs,
    // and file systems on a network.
    std::atomic<bool> may_wait = false;
};

// getdents64 continues where the descriptor stands, so listing one handle from two threads must take turns.
// This lock is the exception to "locks are leaves": it guards the position in the kernel, so it is held over
// the system call and over the lookups of READDIRPLUS. Order: OpenDir::position, then any lock of a store or
// table. It only ever waits for another listing of the same handle.
struct OpenDir {
    explicit OpenDir(UniqueFd opened) : fd(std::move(opened)) {}
    UniqueFd const fd;
    Mutex position;
};

}  // namespace krun::fs
