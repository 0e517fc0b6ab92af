// SPDX-License-Identifier: Apache-2.0
// The life of the container process after the fork: boots the guest, serves the control socket, relays
// signals, and ends with the payload's status. One event loop owns the exit path, and every wait in it has an
// end of its own: the guest's report, the machine's end, the boot time limit, or SIGKILL.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "runtime/control/control_server.h"
#include "runtime/exec/console_socket.h"
#include "runtime/exec/relayed_signals.h"
#include "runtime/host/time_limit.h"
#include "runtime/process/bound_sockets.h"
#include "runtime/process/clock_sync.h"
#include "runtime/process/exec_sessions.h"
#include "runtime/process/guest_info.h"
#include "runtime/process/guest_session.h"
#include "runtime/process/guest_streams.h"
#include "runtime/process/kernel_log.h"
#include "runtime/process/notify_relay.h"
#include "runtime/process/payload_output.h"
#include "runtime/process/socket_acceptor.h"
#include "vmm/machine.h"

namespace krun::runtime {

// What the process is given: everything is open already, because by now nothing can be opened by path.
struct ContainerParts {
    vmm::MachineSpec machine;  // complete but for the control port
    std::shared_ptr<KernelLog> kernel_log;
    std::shared_ptr<GuestInfo> info;          // nullptr: the container does not ask for /run/krun
    std::shared_ptr<fs::Server const> share;  // the boot tree's
    std::vector<BoundSocket> sockets{};       // of the host's, that the payload may connect to
    UniqueFd proc_self_fd{};                  // for them; or invalid
    std::vector<GuestStream> streams;         // of the payload
    std::vector<PassedListener> listeners;    // which the payload has sockets of its own for
    UniqueFd control_listener;
    UniqueFd report;  // to the creator: creation_report.h, when ready or failed
    UniqueFd state_dir;
    UniqueFd terminal;  // the host terminal's slave, if the payload has one
    // Most of all memory, by the container's limit and what is added to it (kProcessOverheadBytes); 0: no
    // limit.
    uint64_t memory_limit_bytes = 0;
    UniqueFd notify;  // a datagram socket that somebody waits on for READY=1, or invalid
};

class ContainerProcess {
public:
    static Result<std::unique_ptr<ContainerProcess>> make(ContainerParts parts);

    // Runs until the container has ended. Returns the exit status of the process; the reason for an abnormal
    // end has been written into the state directory.
    uint32_t run();
    // For whoever waits for the VM's destruction in our place.
    std::vector<int> vm_descriptors() const { return machine_->vm_descriptors(); }

private:
    ContainerProcess(EventLoop loop, ContainerParts parts);
    Result<void> watch_everything(UniqueFd init_connection);
    Result<void> watch_signals();
    Result<void> watch_creator();

    void session_changed();
    void open_streams();
    void started();
    void plug_balloon();
    void deliver_output();
    void stop_if_delivered();
    void machine_ended();
    std::string kernel_diagnosis() const;
    void connect_wanted(control::ConnectBody const& wanted);
    void signals_arrived();
    void relay_signal(uint32_t signo);
    void window_changed();
    Result<void> plug_network(std::vector<UniqueFd> fds);
    void request(ControlRequest request, ControlConnection connection);
    void use_cgroup_file(std::string_view request, ControlConnection connection);
    void report(Result<void> const& result);
    void keep_evidence(std::string const& reason);
    void keep_status(uint32_t status);
    void finish();

    EventLoop loop_;
    ContainerParts parts_;
    std::string kernel_name_;
    std::optional<RelayedSignals> signals_;
    std::optional<TimeLimit> boot_limit_;  // until the guest is ready
    ControlConnection starter_;            // the client that waits for start
    UniqueFd input_gate_;                  // of the payload, until it is started
    PayloadOutput output_;
    NotifyRelay notify_;
    std::optional<ClockSync> clock_;  // once the payload runs
    std::optional<TimeLimit> balloon_delay_;
    std::optional<TimeLimit> exec_limit_;  // for clients of executed processes, when nothing else is left
    bool reported_ = false;
    bool out_of_memory_ = false;  // the payload was, which the guest's kernel killed
    std::unique_ptr<ControlServer> control_;
    std::unique_ptr<vmm::Machine> machine_;
    std::unique_ptr<GuestSession> session_;
    std::unique_ptr<ExecSessions> execs_;
    std::unique_ptr<SocketAcceptor> acceptor_;
    std::unique_ptr<BoundSockets> sockets_;
};

}  // namespace krun::runtime
