// SPDX-License-Identifier: Apache-2.0
// Descriptors that a process of the container sends over a socket (unix(7), SCM_RIGHTS) and init does not
// take, the kernel lets go in init: when init reads, or closes the socket. A TCP socket among them closes
// only when its maker likes (socket(7), SO_LINGER), or when a signal comes.
#pragma once

namespace krun::init {

// While it lives, no wait that a signal can end takes longer than 20 ms. Leaves SIGALRM without effect. One
// at a time. Not bounded is what no signal ends: the last close of a file with unwritten pages whose FUSE
// server does not take them, to mount which takes a privileged payload.
class BoundedWait {
public:
    BoundedWait();
    ~BoundedWait();
    BoundedWait(BoundedWait const&) = delete;
    BoundedWait& operator=(BoundedWait const&) = delete;
};

}  // namespace krun::init
