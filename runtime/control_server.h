// SPDX-License-Identifier: Apache-2.0
// The container process's end of the control socket. One thread, its event loop's.
#pragma once
#include <functional>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "runtime/control.h"

namespace krun::runtime {

// Binds `control.sock` in `state_dir` and listens. The path is reached through the descriptor, because a
// state directory's path may be longer than an AF_UNIX address.
Result<UniqueFd> bind_control_socket(BorrowedFd state_dir);

class ControlServer {
public:
    // Answers one request, once, now or later; dropping it closes the connection unanswered.
    using Reply = std::function<void(Result<void> const&)>;
    using Handler = std::function<void(ControlRequest, Reply)>;

    static Result<std::unique_ptr<ControlServer>> make(EventLoop& loop, UniqueFd listener, Handler handler);
    ~ControlServer();

private:
    ControlServer(EventLoop& loop, UniqueFd listener, Handler handler);
    void accept_one();
    void readable(int fd);

    EventLoop& loop_;
    UniqueFd listener_;
    Handler handler_;
    std::map<int, UniqueFd> waiting_;  // connected, request not read yet
};

}  // namespace krun::runtime
