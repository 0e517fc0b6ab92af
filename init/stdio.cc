// SPDX-License-Identifier: Apache-2.0
#include "init/stdio.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "config-gen/control_protocol.h"
#include "init/terminal.h"

namespace krun::init {

Result<void> Stdio::relay_output(UniqueFd source, UniqueFd sink) {
    outputs_.push_back(TRY(Relay::make(loop_, std::move(source), std::move(sink), [] {})));
    return {};
}

Result<std::array<UniqueFd, 3>> Stdio::open_pipes(guest::User const& user, ConnectPort const& connect) {
    constexpr uint32_t kPorts[] = {control::kStdinPort, control::kStdoutPort, control::kStderrPort};
    std::array<UniqueFd, 3> payload;
    for (size_t i = 0; i < payload.size(); ++i) {
        auto port = TRY_WITH(connect(kPorts[i]), "connect standard stream " + std::to_string(i));
        auto [read_end, write_end] = TRY(make_pipe());
        // Opening /dev/stdout again checks the pipe's owner (proc(5), /proc/PID/fd).
        if (::fchown(read_end.borrow().raw(), user.uid, user.gid) < 0)
            return fail(Error::sys("set the owner of a standard stream"));
        if (i == STDIN_FILENO) {
            payload[i] = std::move(read_end);
            input_ = TRY(Relay::make(loop_, std::move(port), std::move(write_end), [] {}));
        } else {
            payload[i] = std::move(write_end);
            TRY(relay_output(std::move(read_end), std::move(port)));
        }
    }
    return payload;
}

Result<void> Stdio::open_console(UniqueFd master, ConnectPort const& connect) {
    auto port = TRY_WITH(connect(control::kConsolePort), "connect the console");
    slave_ = UniqueFd(::ioctl(master.borrow().raw(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!slave_.valid()) return fail(Error::sys("open the terminal's payload side"));
    auto port_in = TRY(duplicate(port.borrow()));
    auto master_in = TRY(duplicate(master.borrow()));
    auto master_out = TRY(duplicate(master.borrow()));
    console_ = std::move(master);
    input_ = TRY(Relay::make(loop_, std::move(port_in), std::move(master_in), [] {}));
    outputs_.push_back(TRY(Relay::make(loop_, std::move(master_out), std::move(port), [this] {
        // Nobody looks at the terminal any more: with its last master gone the kernel hangs it up.
        slave_.reset();
        console_.reset();
        input_.reset();
    })));
    return {};
}

Result<void> Stdio::resize(uint16_t rows, uint16_t columns) {
    if (!console_.valid()) return {};
    return set_terminal_size(console_.borrow(), rows, columns);
}

void Stdio::stop_input() {
    input_.reset();
    slave_.reset();  // now the master reads to its end
}

bool Stdio::drained() const {
    for (auto const& output : outputs_)
        if (!output->done()) return false;
    return true;
}

uint64_t Stdio::moved_bytes() const {
    uint64_t total = 0;
    for (auto const& output : outputs_) total += output->moved_bytes();
    return total;
}

}  // namespace krun::init
