// SPDX-License-Identifier: Apache-2.0
// One KVM ioctl. KVM returns EINTR or EAGAIN under load for calls that are not KVM_RUN; they are retried.
#pragma once
#include <sys/ioctl.h>

#include <cerrno>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::vmm {

// The ioctl's non-negative result. `what` completes "kvm: …".
template <class Arg>
Result<int> kvm_ioctl(BorrowedFd fd, unsigned long request, Arg arg, char const* what) {
    int result = -1;
    do {
        result = ::ioctl(fd.raw(), request, arg);
    } while (result < 0 && (errno == EINTR || errno == EAGAIN));
    if (result < 0) return fail(Error::sys(std::string("kvm: ") + what));
    return result;
}

}  // namespace krun::vmm
