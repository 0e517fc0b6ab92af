// SPDX-License-Identifier: Apache-2.0
#include "runtime/guest_streams.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "config-gen/control_protocol.h"

namespace krun::runtime {
namespace {

// Gives `ends` to the first connection of `port`. The machine copies the function, hence the shared state;
// only the vsock device's thread calls it.
vmm::VsockPort one_shot_port(uint32_t port, vmm::StreamEnds ends,
                             std::shared_ptr<std::atomic<bool>> connected = nullptr) {
    auto const shared = std::make_shared<vmm::StreamEnds>(std::move(ends));
    return {port, true, [shared, connected]() -> Result<vmm::StreamEnds> {
                if (connected) connected->store(true);
                return std::move(*shared);
            }};
}

Result<void> add_control(GuestStreams& streams) {
    auto [ours, guests] = TRY(make_socketpair(SOCK_STREAM));
    auto read_end = TRY(duplicate(guests.borrow()));
    streams.init_connection = std::move(ours);
    streams.ports.push_back(
        one_shot_port(control::kControlPort, {std::move(read_end), std::move(guests), UniqueFd()}));
    return {};
}

Result<void> add_output(GuestStreams& streams, uint32_t port, UniqueFd to_guest, UniqueFd from_guest) {
    auto [hangup, done] = TRY(make_pipe());
    auto const connected = std::make_shared<std::atomic<bool>>(false);
    streams.ports.push_back(
        one_shot_port(port, {std::move(to_guest), std::move(from_guest), std::move(done)}, connected));
    streams.output.push_back({std::move(hangup), connected});
    return {};
}

// A duplicate of `fd`, whose number then refers to `dev_null`.
Result<UniqueFd> take_away(int fd, BorrowedFd dev_null) {
    auto copy = TRY(duplicate(BorrowedFd(fd)));
    if (::dup2(dev_null.raw(), fd) < 0) return fail(Error::sys("put /dev/null in the place of stdio"));
    return copy;
}

}  // namespace

Result<GuestStreams> streams_of_stdio(BorrowedFd dev_null) {
    GuestStreams streams;
    TRY(add_control(streams));
    auto in = TRY(take_away(STDIN_FILENO, dev_null));
    streams.ports.push_back(one_shot_port(control::kStdinPort, {std::move(in), UniqueFd(), UniqueFd()}));
    auto out = TRY(take_away(STDOUT_FILENO, dev_null));
    TRY(add_output(streams, control::kStdoutPort, UniqueFd(), std::move(out)));
    auto err = TRY(take_away(STDERR_FILENO, dev_null));
    TRY(add_output(streams, control::kStderrPort, UniqueFd(), std::move(err)));
    return streams;
}

Result<GuestStreams> streams_of_terminal(BorrowedFd slave, BorrowedFd dev_null) {
    GuestStreams streams;
    TRY(add_control(streams));
    for (int const fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        TRY(take_away(fd, dev_null));  // the copy is closed at once: nothing of ours holds them open
    auto in = TRY(duplicate(slave));
    auto out = TRY(duplicate(slave));
    TRY(add_output(streams, control::kConsolePort, std::move(in), std::move(out)));
    return streams;
}

}  // namespace krun::runtime
