// SPDX-License-Identifier: Apache-2.0
// The caller's end of one executed process: asks the container process for it, stands in for it while it
// runs, and learns how it ended.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "runtime/control/control_wire.h"
#include "runtime/exec/console_socket.h"
#include "runtime/exec/relayed_signals.h"
#include "runtime/exec/terminal_relay.h"

namespace krun::runtime {

// What a process in the guest is made of.
struct ExecTask {
    std::string config{};  // an ExecConfig as JSON
    bool terminal = false;
    // 0, 1 and 2, or the terminal's slave; then those that are passed on, from number 3.
    std::vector<UniqueFd> streams{};
};

class ExecClient {
public:
    // Asks for the process. The descriptors of `task` are the container process's afterwards, and ours are
    // closed, so that the ends of streams can be seen. kBadState when the container is not running.
    static Result<ExecClient> ask(BorrowedFd state_dir, ExecTask task);

    // Until the last event, which is returned: passes on signals, sizes, and bytes of `relay`, which may be
    // null. `terminal` is what SIGWINCH is about, or invalid; its size is passed on at the start, too.
    // `on_start` is called when the program runs; its error is returned at once. A connection that ends
    // without a last event has lost its process as by SIGKILL; before the program ran, that is kBadState: the
    // container is not running.
    Result<ExecEvent> attend(RelayedSignals const& signals, TerminalRelay* relay, BorrowedFd terminal,
                             std::function<Result<void>()> const& on_start);

private:
    explicit ExecClient(UniqueFd connection) : connection_(std::move(connection)) {}
    void pass_on_signals(RelayedSignals const& signals, TerminalRelay const* relay, BorrowedFd terminal);
    void pass_on_size(TerminalRelay const* relay, BorrowedFd terminal);
    void send_size(TerminalSize size);
    Result<ExecEvent> next_event() const;
    Result<ExecEvent> lost() const;

    UniqueFd connection_;
    bool started_ = false;
};

}  // namespace krun::runtime
