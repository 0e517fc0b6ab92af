// SPDX-License-Identifier: Apache-2.0
// Init's life after boot: starts the payload's process, carries messages between it and the host, reaps,
// delivers the last output and reports the end. One thread, one event loop. Every way out either reports to
// the host or ends with the lost control connection.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/event_loop.h"
#include "config-gen/krun_config.h"
#include "init/control_link.h"
#include "init/payload.h"
#include "init/stdio.h"

namespace krun::init {

class Agent {
public:
    // `cgroup_hierarchy` is a mounted cgroup2, or empty for no cgroup of the payload's own.
    // REQUIRES: `control` and `config` outlive the agent; SIGPIPE is ignored.
    static Result<std::unique_ptr<Agent>> make(ControlLink& control, KrunConfig const& config,
                                               ConnectPort connect, std::string cgroup_hierarchy);

    // Returns when there is nothing more to do: after a failure or the payload's end has been reported. An
    // error means that set-up failed in init itself and is not reported yet, or that the host has gone
    // (host_lost()).
    Result<void> run();
    bool host_lost() const { return host_lost_; }

private:
    struct Exit {
        uint32_t code = 0;
        uint32_t signal = 0;
    };
    enum class Phase { kSetUp, kReady, kStarting, kRunning, kFailed };

    Agent(ControlLink& control, KrunConfig const& config, ConnectPort connect, std::string cgroup_hierarchy,
          EventLoop loop, UniqueFd child_signals);
    Result<void> start();
    Result<void> watch();
    void run_handler(Result<void> outcome);

    Result<void> control_readable();
    Result<void> handle(Frame const& frame);
    Result<void> start_payload_program();
    Result<void> status_readable();
    Result<void> handle(StatusMessage message);
    Result<void> status_closed();
    Result<void> child_signalled();
    Result<void> reap();
    Result<void> drain();
    Result<void> report_end();

    ControlLink& control_;
    KrunConfig const& config_;
    ConnectPort connect_;
    std::string cgroup_hierarchy_;
    EventLoop loop_;
    UniqueFd child_signals_;
    Stdio stdio_;
    std::optional<Payload> payload_;
    Phase phase_ = Phase::kSetUp;
    bool status_open_ = false;
    std::optional<Exit> exit_;
    std::optional<Error> failure_;  // of a handler
    bool host_lost_ = false;
};

}  // namespace krun::init
