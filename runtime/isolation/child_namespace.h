// SPDX-License-Identifier: Apache-2.0
// A process whose only purpose is the user namespace that it is in.
#pragma once
#include <sys/types.h>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

// It does nothing until its owner ends it. Made by a single-threaded process.
class ChildInNamespace {
public:
    // In the namespace `fd` of `type`, a CLONE_NEW*.
    static Result<ChildInNamespace> entered(BorrowedFd fd, int type);
    // In a new user namespace, without maps yet.
    static Result<ChildInNamespace> in_new_user_namespace();

    ChildInNamespace(ChildInNamespace&& other) noexcept;
    ChildInNamespace& operator=(ChildInNamespace&&) = delete;
    ~ChildInNamespace();

    pid_t pid() const { return pid_; }

private:
    explicit ChildInNamespace(pid_t pid) : pid_(pid) {}
    template <class Enter>
    static Result<ChildInNamespace> make(Enter enter);
    pid_t pid_;
};

}  // namespace krun::runtime
