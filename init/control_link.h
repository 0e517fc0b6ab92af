// SPDX-License-Identifier: Apache-2.0
// Init's end of the control connection (config-gen/control_protocol.h): whole frames in, whole frames out.
// Nothing here waits for the host, but flush_all(): a host that is busy sending must not meet an init that
// is.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
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

    // Each hands over what the host takes at once and keeps the rest for flush(). `process` 0 is the payload.
    Result<void> send_hello();
    Result<void> send_ready();
    Result<void> send_started(uint32_t process);
    Result<void> send_failed(uint32_t process, uint32_t exit_code, std::string_view text);
    Result<void> send_exited(uint32_t process, control::ExitedBody const& body);
    Result<void> send_connect(control::ConnectBody const& body);
    Result<void> send_notify(std::string_view text);
    Result<void> send_cgroup_answer(Result<std::string> const& answer);

    // What the host has not taken yet. Call flush() when the connection is writable.
    size_t pending_bytes() const { return unsent_.size(); }
    Result<void> flush();
    // Waits until the host has taken everything.
    Result<void> flush_all();

    // Reads once, without waiting, and returns the frames that are whole by now. The end of the connection,
    // and a frame that breaks the protocol, are errors: both mean that there is no host to work for.
    Result<std::vector<Frame>> receive();

private:
    Result<void> send(control::FrameType type, uint32_t process, std::span<std::byte const> head,
                      std::string_view text);

    UniqueFd connection_;
    std::vector<std::byte> received_;  // less than one frame after receive()
    std::vector<std::byte> unsent_;
};

}  // namespace krun::init
