// SPDX-License-Identifier: Apache-2.0
// The container process's end of the control socket. One thread, its event loop's.
#pragma once
#include <functional>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "runtime/control/control.h"

namespace krun::runtime {

// Binds `control.sock` in `state_dir` and listens. The path is reached through the descriptor, because a
// state directory's path may be longer than an AF_UNIX address.
Result<UniqueFd> bind_control_socket(BorrowedFd state_dir);

// A client whose request has been read.
class ControlConnection {
public:
    ControlConnection() = default;
    explicit ControlConnection(UniqueFd connection) : connection_(std::move(connection)) {}
    bool valid() const { return connection_.valid(); }

    // Answers, and closes: a client has one answer.
    void reply(Result<void> const& result, std::string_view text = {});
    // For a request that is answered by more than one message.
    UniqueFd take() { return std::move(connection_); }

private:
    UniqueFd connection_;
};

class ControlServer {
public:
    // Gets each request with the connection it came on; dropping that closes it unanswered.
    using Handler = std::function<void(ControlRequest, ControlConnection)>;

    static Result<std::unique_ptr<ControlServer>> make(EventLoop& loop, UniqueFd listener, Handler handler);
    ~ControlServer();

private:
    ControlServer(EventLoop& loop, UniqueFd listener, Handler handler);
    void accept_one();
    void turn_away(int error);
    void readable(int fd);

    EventLoop& loop_;
    UniqueFd listener_;
    Handler handler_;
    UniqueFd spare_;                   // given up to turn a client away when no descriptor is left
    std::map<int, UniqueFd> waiting_;  // connected, request not read yet
};

}  // namespace krun::runtime
