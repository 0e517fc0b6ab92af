// SPDX-License-Identifier: Apache-2.0
// The host's side of the control connection with init (config-gen/control_protocol.h): frames bytes, checks
// that init's messages come in a possible order, and keeps what the guest has reported. Everything that is
// read is hostile. Knows no VM: it is tested over a socket pair. One thread, its event loop's.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "config-gen/control_protocol.h"
#include "runtime/process/guest_frames.h"

namespace krun::runtime {

enum class GuestPhase {
    kBooting,   // nothing heard yet
    kSetUp,     // init said hello: it takes streams
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
    std::string reason{};
    // Init has handed over all output: each of the payload's streams ends by itself.
    bool output_handed_over = false;
};

class GuestSession {
public:
    // What is read in one turn of the event loop: a guest that floods us leaves signals and the control
    // server their turns.
    static constexpr size_t kBytesATurn = 4096;

    // Called on the loop's thread; each may be empty, and may call the session.
    struct Listener {
        std::function<void()> changed;  // after each change of phase
        // About a number that exec() gave. After kFailed and kExited there is no more.
        std::function<void(uint32_t process, ProcessEvent const& event)> process;
        std::function<void(std::string_view text)> notify;           // control::kNotify; hostile bytes
        std::function<void(control::ConnectBody const&)> connect{};  // control::kConnect; hostile numbers
    };

    // `connection` is a stream socket to init's control connection. REQUIRES: `loop` outlives the session.
    static Result<std::unique_ptr<GuestSession>> make(EventLoop& loop, UniqueFd connection,
                                                      Listener listener);
    ~GuestSession();

    GuestPhase phase() const { return phase_; }
    // REQUIRES: phase() == kEnded.
    GuestEnd const& end() const { return *end_; }

    // Configures the guest's network (control::NetworkRecord). kBadState unless the guest is ready. What goes
    // wrong there is the end of the session.
    Result<void> set_up_network(std::span<std::byte const> records);
    // kBadState unless the guest is ready.
    Result<void> start();
    // Runs a process more, with an ExecConfig's JSON; returns its number. kBadState unless the payload waits
    // or runs.
    Result<uint32_t> exec(std::string_view config);
    // kBadState before the payload is started or after it ended. Nothing is awaited. Process 0 is the
    // payload; one that has ended is not missed.
    Result<void> signal(uint32_t process, uint32_t signo);
    Result<void> signal_all(uint32_t signo);
    Result<void> resize(uint32_t process, uint16_t rows, uint16_t columns);
    // Reads or writes one file of the payload's cgroup (control::kCgroup). `answer` is called once, with the
    // content or the guest's errno, or with kBadState when the session ends first; a text is hostile. Fails,
    // and never calls, unless the payload waits or runs.
    using CgroupAnswer = std::function<void(Result<std::string>)>;
    Result<void> cgroup_file(std::string_view request, CgroupAnswer answer);
    // The guest's clock follows the host's. Nothing before the guest is ready.
    Result<void> tell_time();
    // virtio-mmio.N is a device now. kBadState unless the payload runs.
    Result<void> plugged(uint32_t device);
    // A connection that was asked for will not come.
    Result<void> refuse(control::ConnectBody const& wanted);
    // What came up to a control::kBarrier has been processed.
    Result<void> barrier_passed();
    // The VM ended or must end for a reason outside this connection. The first end counts.
    void end_with(GuestEnd end);

private:
    GuestSession(EventLoop& loop, UniqueFd connection, Listener listener);
    void ready(uint32_t events);
    void readable();
    void consume_frames();
    void handle(control::FrameHeader const& header, std::span<std::byte const> body);
    void handle_payload(control::FrameType type, std::span<std::byte const> body);
    void handle_process(uint32_t process, control::FrameType type, std::span<std::byte const> body);
    void failed(std::span<std::byte const> body);
    void exited(std::span<std::byte const> body);
    void notified(std::span<std::byte const> body);
    void connect_wanted(std::span<std::byte const> body);
    void cgroup_answered(std::span<std::byte const> body);
    void advance(GuestPhase from, GuestPhase to, char const* frame);
    void broke_protocol(std::string const& what);

    Result<void> check_not_started() const;
    Result<void> check_payload_runs() const;
    template <class Body>
    Result<void> send(control::FrameType type, uint32_t process, Body const& body);
    Result<void> send(control::FrameType type, uint32_t process, std::span<std::byte const> body);
    Result<void> flush();

    EventLoop& loop_;
    UniqueFd connection_;
    Listener listener_;
    GuestPhase phase_ = GuestPhase::kBooting;
    std::optional<GuestEnd> end_;
    std::vector<std::byte> received_;  // at most one whole frame and the start of the next
    std::vector<std::byte> unsent_;    // what the socket has not taken yet; at most kMaxUnsentBytes
    uint32_t next_process_ = 1;
    std::map<uint32_t, bool> processes_;  // executed and not ended; true: started
    std::deque<CgroupAnswer> asked_;      // what init has not answered yet, in its order
};

}  // namespace krun::runtime
