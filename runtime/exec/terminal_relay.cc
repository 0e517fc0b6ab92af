// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/terminal_relay.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fd_passing.h"

namespace krun::runtime {
namespace {

constexpr size_t kChunkBytes = 4096;  // a line of a terminal

// False: nobody looks any more. Waits for a caller who shares a non-blocking descriptor with us.
bool write_to_caller(std::string_view text) {
    while (!text.empty()) {
        ssize_t const n = ::write(1, text.data(), text.size());
        if (n > 0) text.remove_prefix(static_cast<size_t>(n));
        if (n >= 0 || errno == EINTR) continue;
        if (errno != EAGAIN) return false;
        pollfd watched{1, POLLOUT, 0};
        ::poll(&watched, 1, -1);
    }
    return true;
}

}  // namespace

Result<TerminalRelay> TerminalRelay::receive(BorrowedFd socket) {
    std::array<std::byte, 64> payload;
    // It was sent before the container process reported that it is ready, so there is nothing to wait for.
    auto message = TRY_WITH(receive_message(socket, payload, MSG_DONTWAIT), "receive the terminal");
    if (message.fds.size() != 1)
        return fail(Error(Errc::kInternal, "the container process sent no terminal"));
    return over(std::move(message.fds[0]));
}

Result<TerminalRelay> TerminalRelay::over(UniqueFd master) {
    TRY(set_nonblocking(master.borrow(), true));
    return TerminalRelay(std::move(master), ::isatty(0) == 1);
}

void TerminalRelay::resize() const {
    winsize size{};
    if (::ioctl(0, TIOCGWINSZ, &size) == 0) ::ioctl(master_.borrow().raw(), TIOCSWINSZ, &size);
}

std::array<pollfd, 2> TerminalRelay::watched() const {
    int const input = input_open_ && typed_.empty() ? 0 : -1;  // poll() skips negative descriptors
    int const master = output_open_ ? master_.borrow().raw() : -1;
    auto const events = static_cast<short>(typed_.empty() ? POLLIN : POLLIN | POLLOUT);
    return {pollfd{input, POLLIN, 0}, pollfd{master, events, 0}};
}

void TerminalRelay::move(std::array<pollfd, 2> const& ready) {
    if (ready[0].revents != 0) {
        char chunk[kChunkBytes];
        ssize_t const n = ::read(0, chunk, sizeof chunk);
        if (n > 0) typed_.assign(chunk, static_cast<size_t>(n));
        input_open_ = n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
        if (!input_open_ && input_is_terminal_) return hang_up();
    }
    if (!typed_.empty()) {
        ssize_t const n = ::write(master_.borrow().raw(), typed_.data(), typed_.size());
        if (n > 0) typed_.erase(0, static_cast<size_t>(n));
    }
    if (ready[1].revents != 0) move_output();
}

void TerminalRelay::hang_up() {
    master_.reset();
    typed_.clear();
    output_open_ = false;
}

// Whether there was something.
bool TerminalRelay::move_output() {
    char chunk[kChunkBytes];
    ssize_t const n = ::read(master_.borrow().raw(), chunk, sizeof chunk);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    // EIO: nobody has the container's end open any more.
    output_open_ = n > 0;
    if (n > 0 && !write_to_caller({chunk, static_cast<size_t>(n)})) hang_up();
    return output_open_;
}

void TerminalRelay::drain() {
    while (output_open_ && move_output()) {
    }
}

}  // namespace krun::runtime
