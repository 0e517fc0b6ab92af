// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/guest_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "config-gen/control_protocol.h"

namespace krun::runtime {
namespace {

constexpr uint32_t kFirstPassedFd = 3;

// A duplicate of `fd`, whose number then refers to `dev_null`.
Result<UniqueFd> take_away(int fd, BorrowedFd dev_null) {
    auto copy = TRY(duplicate(BorrowedFd(fd)));
    if (::dup2(dev_null.raw(), fd) < 0) return fail(Error::sys("put /dev/null in the place of stdio"));
    return copy;
}

GuestStream input(uint32_t number, UniqueFd fd) {
    return {number, {std::move(fd), UniqueFd(), UniqueFd()}};
}

GuestStream output(uint32_t number, UniqueFd fd) {
    return {number, {UniqueFd(), std::move(fd), UniqueFd()}};
}

std::vector<GuestStream> standard_streams(UniqueFd in, UniqueFd out, UniqueFd err) {
    std::vector<GuestStream> streams;
    streams.push_back(input(STDIN_FILENO, std::move(in)));
    streams.push_back(output(STDOUT_FILENO, std::move(out)));
    streams.push_back(output(STDERR_FILENO, std::move(err)));
    return streams;
}

// Both ways.
Result<UniqueFd> connect_socket(vmm::Machine& machine, uint32_t host_port, UniqueFd socket) {
    auto read_end = TRY(duplicate(socket.borrow()));
    auto [over, done] = TRY(make_pipe());
    machine.connect(host_port, control::kStreamPort,
                    {std::move(read_end), std::move(socket), std::move(done)});
    return std::move(over);
}

}  // namespace

Result<GuestStream> stream_of(uint32_t number, UniqueFd fd) {
    int const flags = ::fcntl(fd.borrow().raw(), F_GETFL);
    if (flags < 0) return fail(Error::sys("look at descriptor " + std::to_string(number)));
    if ((flags & O_ACCMODE) == O_RDONLY) return input(number, std::move(fd));
    if ((flags & O_ACCMODE) == O_WRONLY) return output(number, std::move(fd));
    auto read_end = TRY(duplicate(fd.borrow()));
    return GuestStream{number, {std::move(read_end), std::move(fd), UniqueFd()}};
}

Result<std::vector<GuestStream>> streams_of_stdio(BorrowedFd dev_null) {
    auto in = TRY(take_away(STDIN_FILENO, dev_null));
    auto out = TRY(take_away(STDOUT_FILENO, dev_null));
    auto err = TRY(take_away(STDERR_FILENO, dev_null));
    return standard_streams(std::move(in), std::move(out), std::move(err));
}

Result<std::vector<GuestStream>> streams_of_terminal(BorrowedFd slave, BorrowedFd dev_null) {
    for (int const fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        TRY(take_away(fd, dev_null));  // the copy is closed at once: nothing of ours holds them open
    auto terminal = TRY(duplicate(slave));
    std::vector<GuestStream> streams;
    streams.push_back(TRY(stream_of(0, std::move(terminal))));
    return streams;
}

Result<std::vector<GuestStream>> streams_of_exec(std::vector<UniqueFd> fds, bool terminal) {
    size_t const standard = terminal ? 1 : 3;
    if (fds.size() < standard || fds.size() - standard > control::kMaxStreams - kFirstPassedFd)
        return fail(Error(Errc::kInvalidConfig, "too few or too many descriptors for a process"));
    std::vector<GuestStream> streams;
    if (terminal)
        streams.push_back(TRY(stream_of(0, std::move(fds[0]))));
    else
        streams = standard_streams(std::move(fds[0]), std::move(fds[1]), std::move(fds[2]));
    for (size_t i = standard; i < fds.size(); ++i)
        streams.push_back(
            TRY(stream_of(kFirstPassedFd + static_cast<uint32_t>(i - standard), std::move(fds[i]))));
    return streams;
}

Result<std::vector<OpenStream>> connect_streams(
    vmm::Machine& machine, uint32_t process,
    // NOLINTNEXTLINE(performance-unnecessary-value-param): its ends are moved
    std::vector<GuestStream> streams, UniqueFd const& gate) {
    std::vector<OpenStream> open;
    for (auto& [number, ends] : streams) {
        bool const is_output = ends.from_guest.valid();
        auto [over, done] = TRY(make_pipe());
        ends.done = std::move(done);
        if (gate.valid()) ends.gate = TRY(duplicate(gate.borrow()));
        machine.connect(control::stream_port(process, number), control::kStreamPort, std::move(ends));
        open.push_back({number, is_output, std::move(over)});
    }
    return open;
}

Result<UniqueFd> connect_accepted(vmm::Machine& machine, uint32_t connection, uint32_t number,
                                  UniqueFd socket) {
    return connect_socket(machine, control::accepted_port(connection, number), std::move(socket));
}

Result<UniqueFd> connect_bound(vmm::Machine& machine, uint32_t connection, UniqueFd socket) {
    return connect_socket(machine, control::bound_port(connection), std::move(socket));
}

}  // namespace krun::runtime
