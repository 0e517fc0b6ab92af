// SPDX-License-Identifier: Apache-2.0
// The life of the container process after the fork: boots the guest, serves the control socket, relays
// signals, and ends with the payload's status. One event loop owns the exit path, and every wait in it has an
// end of its own: the guest's report, the machine's end, the boot time limit, or SIGKILL.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "runtime/console_socket.h"
#include "runtime/control_server.h"
#include "runtime/guest_session.h"
#include "runtime/guest_streams.h"
#include "runtime/kernel_log.h"
#include "vmm/machine.h"

namespace krun::runtime {

// What the process is given: everything is open already, because by now nothing can be opened by path.
struct ContainerParts {
    vmm::MachineSpec machine;  // complete, with the vsock ports of `output` and `init_connection`
    std::shared_ptr<KernelLog> kernel_log;
    UniqueFd init_connection;      // the host's end of init's control connection
    std::vector<Delivery> output;  // what must be delivered before the container has ended
    UniqueFd control_listener;
    UniqueFd report;  // to the creator: one encode_result message, when ready or failed
    UniqueFd state_dir;
    UniqueFd kernel_file;  // to explain a kernel that did not come up
    UniqueFd terminal;     // the host terminal's slave, if the payload has one
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
    Result<void> watch_everything();
    Result<void> watch_signals();
    Result<void> watch_creator();
    Result<void> arm_boot_limit();

    void session_changed();
    void machine_ended();
    void signal_arrived();
    void relay_signal(uint32_t signo);
    void window_changed();
    void request(ControlRequest const& request, ControlServer::Reply reply);
    void report(Result<void> const& result);
    void finish();
    void wait_for_delivery();

    EventLoop loop_;
    ContainerParts parts_;
    UniqueFd signals_;
    UniqueFd boot_timer_;
    ControlServer::Reply start_reply_;  // the client that waits for start
    bool reported_ = false;
    std::unique_ptr<ControlServer> control_;
    std::unique_ptr<vmm::Machine> machine_;
    std::unique_ptr<GuestSession> session_;
};

}  // namespace krun::runtime
