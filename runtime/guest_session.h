// SPDX-License-Identifier: Apache-2.0
// The host's side of the control connection with init (config-gen/control_protocol.h): frames bytes, checks
// that init's messages come in a possible order, and keeps what the guest has reported. Everything that is
// read is hostile. Knows no VM: it is tested over a socket pair. One thread, its event loop's.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "config-gen/control_protocol.h"

namespace krun::runtime {

enum class GuestPhase {
    kBooting,   // nothing heard yet
    kSetUp,     // init said hello
    kReady,     // waits for start
    kStarting,  // start was sent
    kRunning,   // the payload's execve succeeded
    kEnded,     // see GuestEnd
};

// How the guest's story ended.
struct GuestEnd {
    // What the container process exits with: the payload's code, 128 + signal, or 255 for an abnormal end.
    uint32_t exit_status = 255;
    // Empty if the payload ran and ended; otherwise one line for people.
    std::string reason;
};

class GuestSession {
public:
    // `connection` is a stream socket to init's control connection. `changed` is called after each change of
    // phase, on the loop's thread. REQUIRES: `loop` outlives the session.
    static Result<std::unique_ptr<GuestSession>> make(EventLoop& loop, UniqueFd connection,
                                                      std::function<void()> changed);
    ~GuestSession();

    GuestPhase phase() const { return phase_; }
    // REQUIRES: phase() == kEnded.
    GuestEnd const& end() const { return *end_; }

    // kBadState unless the guest is ready.
    Result<void> start();
    // kBadState before the guest is ready or after it ended. The signal is not awaited.
    Result<void> signal(uint32_t signo);
    Result<void> resize(uint16_t rows, uint16_t columns);
    // The VM ended or must end for a reason outside this connection. The first end counts.
    void end_with(GuestEnd end);

private:
    GuestSession(EventLoop& loop, UniqueFd connection, std::function<void()> changed);
    void readable();
    void consume_frames();
    void handle(control::FrameHeader const& header, std::span<std::byte const> body);
    void failed(std::span<std::byte const> body);
    void exited(std::span<std::byte const> body);
    void advance(GuestPhase from, GuestPhase to, char const* frame);
    void broke_protocol(std::string const& what);
    template <class Body>
    Result<void> send(control::FrameType type, Body const& body);

    EventLoop& loop_;
    UniqueFd connection_;
    std::function<void()> changed_;
    GuestPhase phase_ = GuestPhase::kBooting;
    std::optional<GuestEnd> end_;
    std::vector<std::byte> received_;  // at most one whole frame and the start of the next
};

}  // namespace krun::runtime
