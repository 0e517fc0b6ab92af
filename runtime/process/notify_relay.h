// SPDX-License-Identifier: Apache-2.0
// The payload's sd_notify(3) messages on their way to the service manager on the host.
#pragma once
#include <functional>
#include <string_view>

#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace krun::runtime {

// One thread, its event loop's. Never blocks: a manager that does not take messages loses them, as on a host.
class NotifyRelay {
public:
    // `socket` is a datagram socket that is connected to the manager; invalid: nobody listens, and every
    // message is dropped. `barrier_passed` is called when the manager has processed a barrier.
    NotifyRelay(EventLoop& loop, UniqueFd socket, std::function<void()> barrier_passed)
        : loop_(loop), socket_(std::move(socket)), barrier_passed_(std::move(barrier_passed)) {}

    // One message of the payload's; control::kBarrier is a barrier.
    void forward(std::string_view text);

private:
    void forward_barrier();

    EventLoop& loop_;
    UniqueFd socket_;
    UniqueFd barrier_;  // hangs up when the manager has processed it
    std::function<void()> barrier_passed_;
};

}  // namespace krun::runtime
