// SPDX-License-Identifier: Apache-2.0
// The payload's standard streams. Without a terminal: three pipes of its own, so that /dev/stdout can be
// opened again, each relayed to a vsock port. With one: the pseudo-terminal's master, relayed both ways.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"
#include "init/relay.h"

namespace krun::init {

// Opens a stream to a port of the host (control_protocol.h). Replaced in tests.
using ConnectPort = std::function<Result<UniqueFd>(uint32_t port)>;

class Stdio {
public:
    explicit Stdio(EventLoop& loop) : loop_(loop) {}

    // Pipes to the three ports; returns the payload's ends in the order of their numbers, owned by `user`.
    Result<std::array<UniqueFd, 3>> open_pipes(guest::User const& user, ConnectPort const& connect);

    // Relays `master` to and from the console port.
    Result<void> open_console(UniqueFd master, ConnectPort const& connect);
    // Nothing happens without a console.
    Result<void> resize(uint16_t rows, uint16_t columns);

    // The payload is dead: input that nobody will read is no reason to wait.
    void stop_input();
    // All output has been delivered, or nobody wants it.
    bool drained() const;
    // For noticing progress.
    uint64_t moved_bytes() const;

private:
    Result<void> relay_output(UniqueFd source, UniqueFd sink);

    EventLoop& loop_;
    std::unique_ptr<Relay> input_;
    std::vector<std::unique_ptr<Relay>> outputs_;
    UniqueFd
        console_;     // the master, for its size; closed with the last relay so that a lost console hangs up
    UniqueFd slave_;  // keeps the terminal alive while no process of the payload has it open
};

}  // namespace krun::init
