// SPDX-License-Identifier: Apache-2.0
// krun-init: PID 1 of the guest. The control connection opens before anything else, so that every later
// failure reaches the host, and before any code of the payload's, so that nothing of the payload can open it.
#include <poll.h>
#include <signal.h>

#include "init/agent.h"
#include "init/boot.h"
#include "init/config.h"
#include "init/control_link.h"
#include "init/host_port.h"
#include "init/log.h"

namespace krun::init {
namespace {

constexpr uint32_t kSetUpFailed = 125;
constexpr char kConfigPath[] = "/.krun_config.json";

Result<KrunConfig> prepare_guest() {
    TRY(mount_boot_tree());
    auto config = TRY(read_config(kConfigPath));
    if (config.krun.debug) enable_debug_log();
    log_step("configured");
    TRY(set_names(config.hostname, config.domainname));
    TRY(bring_up_loopback());
    return config;
}

Result<void> run_container(ControlLink& control) {
    TRY(control.send_hello());
    auto const config = TRY(prepare_guest());
    auto const agent = TRY(Agent::make(control, config, connect_host_port, "/sys/fs/cgroup"));
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
    ::signal(SIGPIPE, SIG_IGN);
    auto ready = occupy_standard_streams();
    auto connection = connect_host_port(control::kControlPort);
    if (!ready.ok() || !connection.ok()) {
        log_error((ready.ok() ? connection.error() : ready.error()).message());
        end_machine();
    }
    ControlLink control(std::move(connection).value());
    auto const outcome = run_container(control);
    if (!outcome.ok()) {
        log_error(outcome.error().message());
        ignore(control.send_failed(kSetUpFailed, outcome.error().message()), "the machine ends either way");
    }
    wait_for_host(control);
    end_machine();
}

}  // namespace
}  // namespace krun::init

int main() {
    krun::init::run();
}
