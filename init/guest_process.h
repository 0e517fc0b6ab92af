// SPDX-License-Identifier: Apache-2.0
// One process of the container as init sees it, from the streams it waits for to the last byte it is owed:
// the payload's first one or one that was executed. It tells the host what happens to it.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/event_loop.h"
#include "init/control_link.h"
#include "init/process_clone.h"
#include "init/stdio.h"

namespace krun::init {

// What the payload's set-up hands over to init.
struct SetupSockets {
    std::function<void(UniqueFd)> on_notify{};                   // its NOTIFY_SOCKET
    std::function<void(uint32_t number, UniqueFd)> on_socket{};  // in the place of one of the host's
};

class GuestProcess {
public:
    // How long, after the container's end, a host's reader that takes nothing keeps an executed process from
    // being over: the client of one must not keep the container. The payload's reader has all the time it
    // wants, as with a pipe; who will not wait for it sends a signal more.
    static constexpr int64_t kStallMs = 10'000;

    // `control` and `loop` outlive it. The payload is number 0.
    GuestProcess(uint32_t number, ControlLink& control, EventLoop& loop)
        : number_(number), control_(control), loop_(loop), stdio_(loop) {}
    ~GuestProcess();
    GuestProcess(GuestProcess const&) = delete;
    GuestProcess& operator=(GuestProcess const&) = delete;

    uint32_t number() const { return number_; }
    pid_t pid() const { return child_.pid; }  // -1 before start()
    BorrowedFd pidfd() const { return child_.pidfd.borrow(); }
    bool is_payload() const { return number_ == 0; }

    // Opens the streams and clones the child. `sockets` are the payload's.
    using MakeChild = std::function<Result<Child>(std::vector<ProcessEnd> ends)>;
    Result<void> start(guest::Process const& process, Connections connections, MakeChild const& make_child,
                       SetupSockets sockets = {});

    // The host's wishes. Those that come too early are kept until there is a process, those that come too
    // late are forgotten; but a signal that would end a process ends the wait for a dead one's reader.
    void go();
    void signal(uint32_t number);
    void resize(uint16_t rows, uint16_t columns);
    // A connection that the host has accepted for the listening socket `number`; closed if there is none.
    void accept(uint32_t number, UniqueFd connection);

    // Set up, and not dead: others can join it.
    bool joinable() const { return phase_ >= Phase::kReady && phase_ < Phase::kEnded; }
    bool started() const { return phase_ >= Phase::kStarting; }
    bool waits_for_streams() const { return phase_ == Phase::kWaiting; }
    bool ended() const { return phase_ >= Phase::kEnded; }

    // waitpid(2) has said so.
    void reaped(int status);
    // Looks whether the host still takes what it is owed. `now_ms` is of a monotonic clock; the result is
    // when to look again, nullopt if no time limit runs.
    std::optional<int64_t> check_progress(int64_t now_ms);
    // Dead, and the host has got its output or will not take it.
    bool reportable() const { return phase_ == Phase::kEnded && (stalled_ || stdio_.settled()); }
    // The last frame about it.
    Result<void> report();
    // Reported, and its streams have ended; or have nobody left who could use them.
    bool finished() const;
    // The payload has ended, and with it every process that could hold the streams.
    void container_ended();

private:
    enum class Phase { kWaiting, kSetUp, kReady, kStarting, kRunning, kEnded, kReported };
    struct Exit {
        uint32_t code = 0;
        uint32_t signal = 0;
    };
    struct Failed {
        uint32_t exit_code = 0;
        std::string text;
    };

    void status_readable();
    Result<void> handle(StatusMessage message);
    Result<void> ready();
    void status_closed();
    void refuse(Error const& error);
    void begin_drain();
    void give_up();
    Result<void> send_end();

    uint32_t number_;
    ControlLink& control_;
    EventLoop& loop_;
    Stdio stdio_;
    Child child_{-1, {}, StatusSocket({})};
    bool status_open_ = false;
    Phase phase_ = Phase::kWaiting;
    SetupSockets sockets_;
    std::optional<Failed> failed_;
    Exit exit_;
    uint64_t early_signals_ = 0;  // bit N - 1: signal N
    uint64_t moved_ = 0;          // when progress was last seen
    std::optional<int64_t> deadline_ms_;
    bool stalled_ = false;
    bool container_ended_ = false;
};

}  // namespace krun::init
