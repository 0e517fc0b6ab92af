// SPDX-License-Identifier: Apache-2.0
// The executed processes of a container, as its container process keeps them: each has a client that asked
// for it, and streams that go past us. A client that goes away takes its process with it. One thread, its
// event loop's.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "runtime/control/control_server.h"
#include "runtime/control/control_wire.h"
#include "runtime/process/guest_session.h"
#include "runtime/process/guest_streams.h"

namespace krun::runtime {

class ExecSessions {
public:
    // Opens the streams of a process in the guest.
    using Connect = std::function<Result<std::vector<OpenStream>>(uint32_t, std::vector<GuestStream>)>;
    // Streams of all executed processes together. Below what the vsock device takes, so that it never refuses
    // one and a process waits for it.
    static constexpr size_t kMaxStreams = 768;

    // `delivered` is called when no client waits for its last event any more. REQUIRES: `loop` and `guest`
    // outlive this.
    ExecSessions(EventLoop& loop, GuestSession& guest, Connect connect, std::function<void()> delivered)
        : loop_(loop), guest_(guest), connect_(std::move(connect)), delivered_(std::move(delivered)) {}
    ~ExecSessions();

    // A request of kind kExec. What is wrong with it, the client hears as an event.
    void begin(ControlRequest request, ControlConnection connection);
    // Init's word about a process of ours.
    void guest_event(uint32_t process, ProcessEvent const& event);
    // Processes that the guest has not ended yet, or whose streams are still open.
    size_t size() const { return execs_.size(); }
    // Of a process that has ended, output is on its way, and after it the word of its end.
    bool delivering() const;
    // The machine is about to go: what is known is told at once.
    void tell_all_ends();

private:
    struct Exec {
        UniqueFd client;  // invalid once it has gone or heard the last event
        std::vector<OpenStream> streams{};
        std::optional<ExecEvent> end{};  // the last event, while output is on its way
        uint32_t held_open = 0;          // streams that other processes hold open
        bool over = false;               // the guest has ended it
    };

    Result<uint32_t> ask_guest(ControlRequest& request, std::vector<GuestStream>& streams);
    Result<void> watch(uint32_t process, Exec& exec);
    void client_readable(uint32_t process);
    void client_gone(uint32_t process, Exec& exec);
    void stream_over(uint32_t process, uint32_t number);
    void tell(Exec& exec, ExecEvent const& event);
    void tell_end_if_delivered(Exec& exec);
    void tell_end(Exec& exec);
    void drop_client(Exec& exec);
    void forget_if_done(uint32_t process);

    EventLoop& loop_;
    GuestSession& guest_;
    Connect connect_;
    std::function<void()> delivered_;
    std::map<uint32_t, Exec> execs_;
    size_t open_streams_ = 0;
};

}  // namespace krun::runtime
