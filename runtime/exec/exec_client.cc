// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/exec_client.h"

#include <poll.h>
#include <signal.h>

#include <array>
#include <cerrno>
#include <iterator>
#include <optional>

#include "base/fd.h"
#include "base/fd_passing.h"
#include "runtime/control/control.h"

namespace krun::runtime {
namespace {

// In a file, because a socket's message is limited to some 200 KiB and an environment is not.
Result<UniqueFd> write_config(std::string const& config) {
    auto file = TRY(make_memfd("krun-exec", 0));
    TRY(write_full(file.borrow(), std::string_view(config)));
    if (::lseek(file.borrow().raw(), 0, SEEK_SET) < 0) return fail(Error::sys("rewind"));
    return file;
}

}  // namespace

// NOLINTNEXTLINE(performance-unnecessary-value-param): the streams are closed here, whatever happens.
Result<ExecClient> ExecClient::ask(BorrowedFd state_dir, ExecTask task) {
    auto const config = TRY_WITH(write_config(task.config), "describe the process");
    auto connection = TRY(connect_control(state_dir));
    std::vector<BorrowedFd> fds{config.borrow()};
    for (auto const& stream : task.streams) fds.push_back(stream.borrow());
    TRY(send_request(connection.borrow(), ControlOp::kExec, task.terminal ? 1 : 0, fds));
    return ExecClient(std::move(connection));
}

Result<ExecEvent> ExecClient::attend(RelayedSignals const& signals, TerminalRelay* relay, BorrowedFd terminal,
                                     std::function<Result<void>()> const& on_start) {
    constexpr pollfd kNone{-1, 0, 0};
    while (true) {
        auto const terminals = relay != nullptr ? relay->watched() : std::array{kNone, kNone};
        pollfd watched[] = {{connection_.borrow().raw(), POLLIN, 0},
                            {signals.fd().raw(), POLLIN, 0},
                            terminals[0],
                            terminals[1]};
        if (::poll(watched, std::size(watched), -1) < 0 && errno != EINTR)
            return fail(Error::sys("wait for the process"));
        if (relay != nullptr) relay->move({watched[2], watched[3]});
        if (watched[1].revents != 0) pass_on_signals(signals, relay, terminal);
        if (watched[0].revents == 0) continue;
        auto event = TRY(next_event());
        if (event.kind == ExecEventKind::kStarted) {
            started_ = true;
            // The size may have changed since the terminal was made, when nobody was told of it yet.
            pass_on_size(relay, terminal);
            TRY(on_start());
            continue;
        }
        if (relay != nullptr) relay->drain();
        return event;
    }
}

Result<ExecEvent> ExecClient::next_event() const {
    std::array<std::byte, kMaxWireResultBytes> buffer;
    auto message = receive_message(connection_.borrow(), buffer);
    // A peer that has closed without reading our last signal is told of first (unix(7)); what it said before
    // is still there.
    if (!message.ok() && message.error().sys_errno() == ECONNRESET)
        message = receive_message(connection_.borrow(), buffer);
    if (!message.ok() && message.error().sys_errno() != ECONNRESET)
        return fail(std::move(message).error().with("wait for the process"));
    if (!message.ok() || message.value().bytes == 0) return lost();
    auto const bytes = std::span(buffer).first(message.value().bytes);
    if (auto event = decode_exec_event(bytes)) return *std::move(event);
    // A container process of another version refuses in the words of all versions.
    TRY(decode_result(bytes, Error(Errc::kInternal, "the container process gave no answer")));
    return fail(Error(Errc::kInternal, "the container process's answer is not understood"));
}

// A container process that is gone has taken the process with it.
Result<ExecEvent> ExecClient::lost() const {
    if (!started_) return fail(Error(Errc::kBadState, "container not running"));
    return ExecEvent{.kind = ExecEventKind::kExited, .signal = SIGKILL};
}

void ExecClient::pass_on_signals(RelayedSignals const& signals, TerminalRelay const* relay,
                                 BorrowedFd terminal) {
    while (auto const signal = signals.next()) {
        if (*signal != SIGWINCH || terminal.raw() < 0) {
            ignore(send_request(connection_.borrow(), ControlOp::kSignal, static_cast<uint32_t>(*signal)),
                   "its end is about to be read");
            continue;
        }
        pass_on_size(relay, terminal);
    }
}

void ExecClient::pass_on_size(TerminalRelay const* relay, BorrowedFd terminal) {
    if (terminal.raw() < 0) return;
    if (relay != nullptr) relay->resize();  // from the caller's terminal to the one between
    if (auto const size = terminal_size(terminal); size.ok()) send_size(size.value());
}

void ExecClient::send_size(TerminalSize size) {
    if (size.rows == 0) return;
    ignore(send_request(connection_.borrow(), ControlOp::kResize, pack_size(size.rows, size.columns)),
           "its end is about to be read");
}

}  // namespace krun::runtime
