// SPDX-License-Identifier: Apache-2.0
// What init and a process that it has cloned say to each other before execve: one message a packet over a
// socket pair that closes on exec, so that its end means the program runs.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::init {

enum class StatusKind : uint32_t {
    kConsole = 1,  // process to init, with the terminal's master
    kReady = 2,    // process to init: the payload waits now, any other process is about to call execve
    kFailed = 3,   // process to init; exit_code and text are set
    kGo = 4,       // init to payload
    kNotify = 5,   // payload to init, with the NOTIFY_SOCKET
    kSocket = 6,   // payload to init, with what listens for bind source `exit_code`
};

struct StatusMessage {
    StatusKind kind{};
    uint32_t exit_code = 0;  // of kSocket a number
    std::string text;
    UniqueFd fd;
};

class StatusSocket {
public:
    explicit StatusSocket(UniqueFd fd) : fd_(std::move(fd)) {}
    BorrowedFd fd() const { return fd_.borrow(); }

    // A text beyond a few KiB is cut: it is for a person.
    Result<void> send(StatusMessage const& message) const;
    // Waits for a message; nullopt when the other side has closed.
    Result<std::optional<StatusMessage>> receive() const;
    // receive() would not wait.
    bool readable() const;

    // Takes the descriptor out, to put it under another number.
    UniqueFd release() && { return std::move(fd_); }

private:
    UniqueFd fd_;
};

}  // namespace krun::init
