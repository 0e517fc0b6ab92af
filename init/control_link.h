// SPDX-License-Identifier: Apache-2.0
// Init's end of the control connection (config-gen/control_protocol.h): whole frames in, whole frames out.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/control_protocol.h"

namespace krun::init {

struct Frame {
    control::FrameHeader header{};
    std::vector<std::byte> body;
};

class ControlLink {
public:
    explicit ControlLink(UniqueFd connection) : connection_(std::move(connection)) {}
    BorrowedFd fd() const { return connection_.borrow(); }

    // Each waits until the host has taken the frame; they are few and small.
    Result<void> send_hello();
    Result<void> send_ready();
    Result<void> send_started();
    Result<void> send_failed(uint32_t exit_code, std::string const& text);
    Result<void> send_exited(uint32_t exit_code, uint32_t signal);

    // Reads once, without waiting, and returns the frames that are whole by now. The end of the connection,
    // and a frame that breaks the protocol, are errors: both mean that there is no host to work for.
    Result<std::vector<Frame>> receive();

private:
    Result<void> send(control::FrameType type, std::span<std::byte const> head, std::string_view text);

    UniqueFd connection_;
    std::vector<std::byte> received_;  // less than one frame after receive()
};

}  // namespace krun::init
