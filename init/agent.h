// SPDX-License-Identifier: Apache-2.0
// Init's life after boot: starts the payload's process and those that the host executes beside it, carries
// messages between them and the host, reaps, delivers the last output and reports the ends. One thread, one
// event loop. Every way out either reports to the host or ends with the lost control connection.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/event_loop.h"
#include "config-gen/krun_config.h"
#include "init/bound_sockets.h"
#include "init/control_link.h"
#include "init/execution.h"
#include "init/guest_process.h"
#include "init/lease_keeper.h"
#include "init/stream_listener.h"
#include "init/stream_stash.h"

namespace krun::init {

class Agent {
public:
    // `cgroup_hierarchy` is a mounted cgroup2, or empty for no cgroup of the payload's own.
    // REQUIRES: `control` and `config` outlive the agent; SIGPIPE is ignored.
    static Result<std::unique_ptr<Agent>> make(ControlLink& control, KrunConfig const& config,
                                               StreamListener listener, std::string cgroup_hierarchy);

    // Returns when there is nothing more to do: after the payload's failure or end has been reported, the
    // last of all. An error means that set-up failed in init itself and is not reported yet, or that the host
    // has gone (host_lost()).
    Result<void> run();
    bool host_lost() const { return host_lost_; }

private:
    Agent(ControlLink& control, KrunConfig const& config, StreamListener listener,
          std::string cgroup_hierarchy, EventLoop loop, UniqueFd child_signals);
    Result<void> watch();
    void run_handler(Result<void> outcome);

    Result<void> control_ready(uint32_t events);
    Result<void> handle(Frame const& frame);
    Result<void> set_up_network(Frame const& frame);
    void signal_all(uint32_t number);
    GuestProcess* process(uint32_t number);

    Result<void> accept_streams();
    Result<void> start_payload();
    void execute(Frame const& frame);
    Result<void> refuse(uint32_t number, std::string const& text);
    Result<void> start_waiting();

    Result<void> watch_notify_socket(UniqueFd socket);
    Result<void> notify_readable();

    Result<void> child_signalled();
    void reap();
    Result<void> report_ends();
    Result<void> deliver_to_sockets();
    Result<void> report_payload_end();
    Result<int> wait_ms();

    ControlLink& control_;
    KrunConfig const& config_;
    StreamListener listener_;
    std::string cgroup_hierarchy_;
    EventLoop loop_;
    UniqueFd child_signals_;
    UniqueFd cgroup_;         // the payload's
    UniqueFd notify_reader_;  // the payload's notifications
    bool notify_paused_ = false;
    StreamStash stash_;
    BoundSockets bound_;
    GuestProcess payload_;
    std::vector<std::unique_ptr<LeaseKeeper>> leases_;
    std::map<uint32_t, std::unique_ptr<Execution>> executed_;
    std::map<pid_t, uint32_t> signallers_;  // what the payload gets when they have ended
    uint32_t control_events_ = 0;
    bool done_ = false;
    std::optional<Error> failure_;  // of a handler
    bool host_lost_ = false;
};

}  // namespace krun::init
