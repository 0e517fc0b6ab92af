// SPDX-License-Identifier: Apache-2.0
#include "init/stdio.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/terminal.h"

namespace krun::init {
namespace {

constexpr std::string_view kListen = "listen";

bool is_open(std::unique_ptr<Relay> const& relay) {
    return relay != nullptr && !relay->done();
}

}  // namespace

std::vector<uint32_t> stream_numbers(guest::Process const& process) {
    std::vector<uint32_t> numbers = {STDIN_FILENO};
    if (!process.terminal) numbers.insert(numbers.end(), {STDOUT_FILENO, STDERR_FILENO});
    for (auto const& passed : process.passed_fds)
        if (passed.access != kListen) numbers.push_back(passed.fd);
    return numbers;
}

Result<std::vector<ProcessEnd>> Stdio::open(guest::Process const& process, Connections connections) {
    std::vector<ProcessEnd> ends;
    if (process.terminal) {
        console_connection_ = std::move(connections[STDIN_FILENO]);
    } else {
        ends.push_back(TRY(open_input(STDIN_FILENO, std::move(connections[STDIN_FILENO]))));
        ends.push_back(TRY(open_output(STDOUT_FILENO, std::move(connections[STDOUT_FILENO]))));
        ends.push_back(TRY(open_output(STDERR_FILENO, std::move(connections[STDERR_FILENO]))));
    }
    for (auto const& passed : process.passed_fds) {
        if (passed.access == kListen) {
            ends.push_back(TRY(open_listener(passed)));
            continue;
        }
        auto& connection = connections[passed.fd];
        if (passed.access == "r")
            ends.push_back(TRY(open_input(passed.fd, std::move(connection))));
        else if (passed.access == "w")
            ends.push_back(TRY(open_output(passed.fd, std::move(connection))));
        else
            ends.push_back(TRY(open_duplex(passed.fd, std::move(connection))));
    }
    return ends;
}

Result<ProcessEnd> Stdio::open_input(uint32_t number, UniqueFd connection) {
    auto [read_end, write_end] = TRY(make_pipe());
    Stream stream{number};
    stream.input = TRY(Relay::make(loop_, std::move(connection), std::move(write_end), [] {}));
    streams_.push_back(std::move(stream));
    return ProcessEnd{number, std::move(read_end)};
}

Result<ProcessEnd> Stdio::open_output(uint32_t number, UniqueFd connection) {
    auto [read_end, write_end] = TRY(make_pipe());
    Stream stream{number};
    stream.output = TRY(Relay::make(loop_, std::move(read_end), std::move(connection), [] {}));
    streams_.push_back(std::move(stream));
    return ProcessEnd{number, std::move(write_end)};
}

Result<ProcessEnd> Stdio::open_duplex(uint32_t number, UniqueFd connection) {
    auto [ours, theirs] = TRY(make_socketpair(SOCK_STREAM));
    Stream stream{number};
    TRY(relay_both_ways(stream, std::move(ours), std::move(connection), [] {}));
    streams_.push_back(std::move(stream));
    return ProcessEnd{number, std::move(theirs)};
}

// Only the process holds it, so that connections are refused when it has closed it.
Result<ProcessEnd> Stdio::open_listener(guest::PassedFd const& passed) {
    auto socket = TRY(open_listening_socket(passed));
    listeners_[passed.fd] = socket.address;
    return ProcessEnd{passed.fd, std::move(socket.fd)};
}

Result<void> Stdio::accept(uint32_t number, UniqueFd connection) {
    std::erase_if(streams_, [](Stream const& s) { return !is_open(s.input) && !is_open(s.output); });
    auto const listener = listeners_.find(number);
    if (listener == listeners_.end())
        return fail(Error(Errc::kBadState, "no listening socket has this number"));
    auto local = TRY(connect_to(listener->second));
    Stream stream{number};
    TRY(relay_both_ways(stream, std::move(local), std::move(connection), [] {}));
    streams_.push_back(std::move(stream));
    return {};
}

Result<void> Stdio::relay_both_ways(Stream& stream, UniqueFd local, UniqueFd connection,
                                    std::function<void()> const& done) {
    auto local_sink = TRY(duplicate(local.borrow()));
    auto connection_source = TRY(duplicate(connection.borrow()));
    stream.input = TRY(Relay::make(loop_, std::move(connection_source), std::move(local_sink), done));
    stream.output = TRY(Relay::make(loop_, std::move(local), std::move(connection), done));
    return {};
}

Result<void> Stdio::open_console(UniqueFd master) {
    if (!console_connection_.valid() || !master.valid())
        return fail(Error(Errc::kInternal, "a terminal that nobody asked for"));
    // From a process that others may have traced.
    if (!is_terminal_master(master.borrow())) return fail(Error(Errc::kSystem, "it is no terminal"));
    slave_ = UniqueFd(::ioctl(master.borrow().raw(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!slave_.valid()) return fail(Error::sys("open the terminal's payload side"));
    console_ = TRY(duplicate(master.borrow()));
    Stream stream{STDIN_FILENO};
    // A terminal ends in both directions at once: the host's has hung up.
    TRY(relay_both_ways(stream, std::move(master), std::move(console_connection_),
                        [this] { console_lost(); }));
    streams_.push_back(std::move(stream));
    if (size_.rows == 0 && size_.columns == 0) return {};
    return set_terminal_size(console_.borrow(), size_.rows, size_.columns);
}

// Nobody looks at the terminal any more: with its last master gone the kernel hangs it up.
void Stdio::console_lost() {
    slave_.reset();
    console_.reset();
    for (auto& stream : streams_) {
        if (stream.number != STDIN_FILENO) continue;
        stream.input.reset();
        stream.output.reset();
    }
}

Result<void> Stdio::resize(uint16_t rows, uint16_t columns) {
    size_ = {rows, columns};
    if (!console_.valid()) return {};
    return set_terminal_size(console_.borrow(), rows, columns);
}

void Stdio::process_ended() {
    slave_.reset();  // now the master reads to its end, unless another process has the terminal open
    for (auto& stream : streams_) {
        if (is_open(stream.input) && !stream.input->has_reader()) stream.input.reset();
        if (is_open(stream.output))
            stream.owed_until = stream.output->moved_bytes() + stream.output->owed_bytes();
    }
}

// Bytes moved alone do not settle a stream without a writer: its end-of-file is about to be seen, and only
// then it has ended for the host.
bool Stdio::settled() const {
    for (auto const& stream : streams_) {
        if (!is_open(stream.output)) continue;
        if (stream.output->moved_bytes() < stream.owed_until || !stream.output->has_writer()) return false;
    }
    return true;
}

uint32_t Stdio::open_streams() const {
    uint32_t bits = 0;
    for (auto const& stream : streams_)
        if (is_open(stream.input) || is_open(stream.output)) bits |= 1U << stream.number;
    return bits;
}

void Stdio::close() {
    streams_.clear();
    listeners_.clear();
    console_connection_.reset();
    console_.reset();
    slave_.reset();
}

uint64_t Stdio::moved_bytes() const {
    uint64_t total = 0;
    for (auto const& stream : streams_)
        if (stream.output) total += stream.output->moved_bytes();
    return total;
}

}  // namespace krun::init
