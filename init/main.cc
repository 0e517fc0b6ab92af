// SPDX-License-Identifier: Apache-2.0
// krun-init: PID 1 of the guest. The control connection opens before anything else, so that every later
// failure reaches the host, and before any code of the payload's, so that nothing of the payload can open it.
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

#include "init/agent.h"
#include "init/boot.h"
#include "init/config.h"
#include "init/control_link.h"
#include "init/descriptors.h"
#include "init/host_port.h"
#include "init/log.h"
#include "init/network.h"

namespace krun::init {
namespace {

constexpr uint32_t kPayload = 0;
constexpr uint32_t kSetUpFailed = 125;
constexpr char kConfigPath[] = "/.krun_config.json";

Result<KrunConfig> prepare_guest(int64_t started_us) {
    TRY(mount_boot_tree());
    auto config = TRY(read_config(kConfigPath));
    if (config.krun.debug) enable_debug_log(started_us);
    log_step("names, loopback");
    TRY(set_names(config.hostname, config.domainname));
    TRY(bring_up_loopback());
    return config;
}

Result<void> run_container(ControlLink& control, int64_t started_us) {
    auto listener = TRY(listen_for_host(control::kStreamPort));
    TRY(control.send_hello());
    TRY(allow_many_descriptors());
    auto const config = TRY(prepare_guest(started_us));
    log_step("agent");
    auto const agent = TRY(Agent::make(control, config, std::move(listener), "/sys/fs/cgroup"));
    return agent->run();
}

// The host ends the machine when it has read the report; its closing the connection comes first if it cannot.
void wait_for_host(ControlLink& control) {
    sigset_t none;
    ::sigemptyset(&none);
    pollfd watched{control.fd().raw(), POLLIN, 0};
    while (control.receive().ok()) ::ppoll(&watched, 1, nullptr, &none);
}

[[noreturn]] void run() {
    int64_t const started_us = boot_time_us();
    ::signal(SIGPIPE, SIG_IGN);
    // A child of ours that is about to become a process of the container has our memory until execve: nobody
    // there may look into it, unless its capabilities allow it everything (ptrace(2), access mode checking).
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    auto ready = occupy_standard_streams();
    auto connection = connect_host_port(control::kControlPort);
    if (!ready.ok() || !connection.ok()) {
        log_error((ready.ok() ? connection.error() : ready.error()).message());
        end_machine();
    }
    ControlLink control(std::move(connection).value());
    auto const outcome = run_container(control, started_us);
    if (!outcome.ok()) {
        log_error(outcome.error().message());
        ignore(control.send_failed(kPayload, kSetUpFailed, outcome.error().message()), "the machine ends");
        ignore(control.flush_all(), "the machine ends");
    }
    wait_for_host(control);
    end_machine();
}

}  // namespace
}  // namespace krun::init

int main() {
    krun::init::run();
}
