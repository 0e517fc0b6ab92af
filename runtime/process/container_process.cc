// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/container_process.h"

#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "base/fd.h"
#include "base/log.h"
#include "base/signal_action.h"
#include "base/strings.h"
#include "config-gen/control_protocol.h"
#include "init/blob.h"
#include "runtime/host/kvm_device.h"
#include "runtime/process/boot_limit.h"
#include "runtime/process/creation_report.h"
#include "runtime/process/host_oom.h"
#include "runtime/process/kernel_image.h"
#include "runtime/process/network_plugging.h"
#include "runtime/state/end_reason.h"
#include "runtime/state/kernel_log_file.h"
#include "runtime/state/machine_evidence.h"

namespace krun::runtime {
namespace {

// kGuestFault says that the machine is at fault, and not the container's configuration.
Error ended_error(GuestEnd const& end) {
    auto const code = end.exit_status == 255 ? Errc::kGuestFault : Errc::kInvalidConfig;
    return Error(code, end.reason.empty() ? "the container has ended" : end.reason);
}

// The host's end of the control port, and the port that the guest connects to. The machine copies the
// function, hence the shared state; only the vsock device's thread calls it.
struct InitPort {
    UniqueFd connection;
    vmm::VsockPort port;
};
Result<InitPort> make_init_port() {
    auto [ours, guests] = TRY(make_socketpair(SOCK_STREAM));
    auto read_end = TRY(duplicate(guests.borrow()));
    auto const ends = std::make_shared<vmm::StreamEnds>(
        vmm::StreamEnds{std::move(read_end), std::move(guests), UniqueFd()});
    return InitPort{std::move(ours), {control::kControlPort, true, [ends]() -> Result<vmm::StreamEnds> {
                                          return std::move(*ends);
                                      }}};
}

// How long the output of executed processes is waited for when the payload's has been delivered.
constexpr std::chrono::milliseconds kExecLimit{10'000};

// The guest has nothing to give back at first, and many a program has ended by then.
constexpr std::chrono::milliseconds kBalloonDelay{1000};

// What ends a container that only waits for start. A stray SIGPIPE is about our own descriptors.
bool ends_what_waits(uint32_t signo) {
    return signo != SIGPIPE && ends_a_process(static_cast<int>(signo));
}

}  // namespace

Result<std::unique_ptr<ContainerProcess>> ContainerProcess::make(ContainerParts parts) {
    auto loop = TRY(EventLoop::make());
    std::unique_ptr<ContainerProcess> process(new ContainerProcess(std::move(loop), std::move(parts)));
    // Signals are blocked before the machine makes threads, so that only the loop ever sees them.
    TRY(process->watch_signals());
    auto init_port = TRY(make_init_port());
    process->parts_.machine.vsock_ports.push_back(std::move(init_port.port));
    process->kernel_name_ = process->parts_.machine.kernel_name;
    process->machine_ = TRY(vmm::Machine::make(std::move(process->parts_.machine)));
    TRY(process->watch_everything(std::move(init_port.connection)));
    TRY(process->machine_->start());
    return process;
}

ContainerProcess::ContainerProcess(EventLoop loop, ContainerParts parts)
    : loop_(std::move(loop)),
      parts_(std::move(parts)),
      output_(loop_, [this] { stop_if_delivered(); }),
      notify_(loop_, std::move(parts_.notify),
              [this] { ignore(session_->barrier_passed(), "a guest that has ended waits for nothing"); }) {}

uint32_t ContainerProcess::run() {
    auto const ran = loop_.run();
    if (!ran.ok()) session_->end_with({.reason = ran.error().message()});
    finish();
    if (out_of_memory_) run_out_of_memory(parts_.memory_limit_bytes);
    return session_->end().exit_status;
}

Result<void> ContainerProcess::watch_everything(UniqueFd init_connection) {
    session_ = TRY(GuestSession::make(
        loop_, std::move(init_connection),
        {.changed = [this] { session_changed(); },
         .process = [this](uint32_t process,
                           ProcessEvent const& event) { execs_->guest_event(process, event); },
         .notify = [this](std::string_view text) { notify_.forward(text); },
         .connect = [this](control::ConnectBody const& wanted) { connect_wanted(wanted); }}));
    execs_ = std::make_unique<ExecSessions>(
        loop_, *session_,
        [this](uint32_t process, std::vector<GuestStream> streams) {
            return connect_streams(*machine_, process, std::move(streams));
        },
        [this] { stop_if_delivered(); });
    acceptor_ = TRY(SocketAcceptor::make(
        loop_, std::move(parts_.listeners), [this](uint32_t connection, uint32_t number, UniqueFd socket) {
            return connect_accepted(*machine_, connection, number, std::move(socket));
        }));
    sockets_ = TRY(BoundSockets::make(loop_, std::move(parts_.sockets), std::move(parts_.proc_self_fd),
                                      [this](uint32_t connection, UniqueFd socket) {
                                          return connect_bound(*machine_, connection, std::move(socket));
                                      }));
    control_ = TRY(ControlServer::make(loop_, std::move(parts_.control_listener),
                                       [this](ControlRequest r, ControlConnection connection) {
                                           request(std::move(r), std::move(connection));
                                       }));
    TRY(loop_.add(machine_->ended_event(), EPOLLIN, [this](uint32_t) { machine_ended(); }));
    TRY(watch_creator());
    boot_limit_.emplace(TRY(TimeLimit::make(loop_, kBootLimit, [this] {
        auto const diagnosis = kernel_diagnosis();
        auto const limit = boot_limit_reason(kBootLimit, cpu_has_virtualization());
        session_->end_with({.reason = diagnosis.empty() ? limit : limit + "; " + diagnosis});
    })));
    return {};
}

Result<void> ContainerProcess::watch_signals() {
    signals_ = TRY(RelayedSignals::block());
    return loop_.add(signals_->fd(), EPOLLIN, [this](uint32_t) { signals_arrived(); });
}

// A creator that dies before the container is ready leaves nothing behind.
Result<void> ContainerProcess::watch_creator() {
    return loop_.add(parts_.report.borrow(), EPOLLRDHUP,
                     [this](uint32_t) { session_->end_with({.reason = "create was interrupted"}); });
}

void ContainerProcess::session_changed() {
    switch (session_->phase()) {
        case GuestPhase::kSetUp:
            return open_streams();
        case GuestPhase::kReady:
            boot_limit_.reset();
            init::release_init_blob();  // the guest has it by now: a MiB that nobody looks at again
            window_changed();           // the size may have changed since the terminal was made
            return report({});
        case GuestPhase::kRunning:
            return started();
        case GuestPhase::kEnded:
            return deliver_output();
        default:
            return;
    }
}

void ContainerProcess::started() {
    if (starter_.valid()) starter_.reply({});
    if (auto const accepting = acceptor_->start(); !accepting.ok())
        log(LogLevel::kError, "accept for the payload: " + accepting.error().message());
    auto clock = ClockSync::make(loop_, [this] { ignore(session_->tell_time(), "the container has ended"); });
    if (!clock.ok()) return log(LogLevel::kError, "follow the host's clock: " + clock.error().message());
    clock_.emplace(std::move(clock).value());
    auto delay = TimeLimit::make(loop_, kBalloonDelay, [this] { plug_balloon(); });
    if (!delay.ok()) return log(LogLevel::kError, "wait with the balloon: " + delay.error().message());
    balloon_delay_.emplace(std::move(delay).value());
}

void ContainerProcess::plug_balloon() {
    if (auto const device = machine_->plug_balloon())
        ignore(session_->plugged(*device), "the container has ended");
}

void ContainerProcess::open_streams() {
    // Its input is the caller's until the program runs: an engine may still take it back, or close it.
    auto opened = [this]() -> Result<std::vector<OpenStream>> {
        auto [closed, opener] = TRY(make_pipe());
        input_gate_ = std::move(opener);
        return connect_streams(*machine_, 0, std::move(parts_.streams), closed);
    }();
    if (!opened.ok()) return session_->end_with({.reason = opened.error().message()});
    output_.keep(std::move(opened).value());
}

// The machine runs on until the last byte has been taken, or somebody sends a signal that says it is enough.
// A guest that did not come so far ends nothing, and is not waited for.
void ContainerProcess::deliver_output() {
    if (!session_->end().output_handed_over) output_.drop();
    if (!output_.watch().ok()) return loop_.stop();
    stop_if_delivered();
}

// The clients of executed processes have some time, but do not keep the container.
void ContainerProcess::stop_if_delivered() {
    if (session_->phase() != GuestPhase::kEnded || !output_.delivered()) return;
    if (!execs_->delivering()) return loop_.stop();
    if (exec_limit_) return;
    auto limit = TimeLimit::make(loop_, kExecLimit, [this] { loop_.stop(); });
    if (!limit.ok()) return loop_.stop();
    exec_limit_.emplace(std::move(limit).value());
}

void ContainerProcess::connect_wanted(control::ConnectBody const& wanted) {
    if (sockets_->connect(wanted.connection, wanted.socket).ok()) return;
    ignore(session_->refuse(wanted), "a guest that has ended waits for nothing");
}

void ContainerProcess::machine_ended() {
    if (session_->phase() == GuestPhase::kEnded) return loop_.stop();  // nothing more can be delivered
    auto const words = parts_.kernel_log->last_words();
    auto const diagnosis = kernel_diagnosis();
    if (diagnosis.empty())
        return session_->end_with(
            {.reason = machine_end_reason(machine_->end_reason(), parts_.kernel_log->text(), words)});
    auto const end = machine_->end_reason();
    std::string const how = end ? " (" + end->text + ")" : "";
    session_->end_with({.reason = diagnosis + how + (words.empty() ? "" : "; its last words: " + words)});
}

// Only of a kernel that did not come as far as init.
std::string ContainerProcess::kernel_diagnosis() const {
    if (session_->phase() != GuestPhase::kBooting) return {};
    return diagnose_kernel(kernel_name_, machine_->kernel_image(), machine_->device_states(),
                           parts_.kernel_log->text());
}

void ContainerProcess::signals_arrived() {
    while (auto const signal = signals_->next()) relay_signal(static_cast<uint32_t>(*signal));
}

void ContainerProcess::relay_signal(uint32_t signo) {
    if (signo == SIGWINCH && parts_.terminal.valid()) return window_changed();
    if (session_->signal(0, signo).ok()) return;
    if (session_->phase() == GuestPhase::kEnded) {
        if (ends_what_waits(signo)) loop_.stop();
        return;
    }
    // Nothing runs in the guest yet: the signal is for the container as it stands.
    if (ends_what_waits(signo)) session_->end_with({.exit_status = 128 + signo});
}

void ContainerProcess::window_changed() {
    if (!parts_.terminal.valid()) return;
    auto const size = terminal_size(parts_.terminal.borrow());
    if (size.ok() && size.value().rows != 0)
        ignore(session_->resize(0, size.value().rows, size.value().columns),
               "too early or too late: no matter");
}

// `fds` as ControlOp::kStart has them.
Result<void> ContainerProcess::plug_network(std::vector<UniqueFd> fds) {
    if (fds.empty() || session_->phase() != GuestPhase::kReady) return {};
    auto const records = TRY(runtime::plug_network(*machine_, std::move(fds)));
    return session_->set_up_network(records);
}

void ContainerProcess::request(ControlRequest request, ControlConnection connection) {
    bool const about_signal = request.op == ControlOp::kSignal || request.op == ControlOp::kSignalAll;
    if (about_signal && (request.argument < 1 || request.argument > 64))
        return connection.reply(fail(Error(Errc::kInvalidConfig, "no such signal")));
    switch (request.op) {
        case ControlOp::kStart: {
            auto started = plug_network(std::move(request.fds));
            if (started.ok()) started = session_->start();
            if (!started.ok()) return connection.reply(started);
            input_gate_.reset();
            starter_ = std::move(connection);  // answered when execve has succeeded or failed
            return;
        }
        case ControlOp::kSignal:
            relay_signal(request.argument);
            return connection.reply({});
        case ControlOp::kSignalAll:
            if (!session_->signal_all(request.argument).ok()) relay_signal(request.argument);
            return connection.reply({});
        case ControlOp::kResize:
            return connection.reply(session_->resize(0, static_cast<uint16_t>(request.argument >> 16),
                                                     static_cast<uint16_t>(request.argument & 0xFFFF)));
        case ControlOp::kExec:
            return execs_->begin(std::move(request), std::move(connection));
        case ControlOp::kCgroup:
            return use_cgroup_file(request.text, std::move(connection));
        case ControlOp::kKernelLog:
            if (request.fds.size() != 1) break;
            return connection.reply(write_full(request.fds[0].borrow(), parts_.kernel_log->text()));
    }
    connection.reply(fail(Error(Errc::kUnsupported, "unknown request")));
}

void ContainerProcess::use_cgroup_file(std::string_view request, ControlConnection connection) {
    auto const client = std::make_shared<ControlConnection>(std::move(connection));
    auto const asked = session_->cgroup_file(
        request, [client, info = parts_.info, text = std::string(request)](Result<std::string> answer) {
            if (!answer.ok()) return client->reply(fail(std::move(answer).error()));
            if (auto const newline = text.find('\n'); info && newline != text.npos)
                info->limit_written(text.substr(0, newline), text.substr(newline + 1));
            client->reply({}, answer.value());
        });
    if (!asked.ok()) client->reply(asked);
}

void ContainerProcess::report(Result<void> const& result) {
    if (reported_) return;
    reported_ = true;
    loop_.remove(parts_.report.borrow());
    send_creation_report(parts_.report.borrow(), result, result.ok() ? vm_descriptors() : std::vector<int>());
    parts_.report.reset();
}

// The state directory may have been removed by delete --force.
void ContainerProcess::keep_evidence(std::string const& reason) {
    auto const keep = [this](char const* name, std::string const& text) {
        ignore(replace_file(parts_.state_dir.borrow(), name, text, 0600), "there is nobody left to tell");
    };
    keep(kKernelLogName, parts_.kernel_log->text());
    keep(kMachineStateName, machine_evidence(*machine_, *parts_.share));
    keep(kEndReasonName, reason.substr(0, kMaxEndReasonBytes));
}

// Whoever finds no such file knows that this process was killed. A program that was killed in the guest for
// want of memory has a status like any that was killed: what the guest's kernel said makes the difference.
void ContainerProcess::keep_status(uint32_t status) {
    std::string text = std::to_string(status);
    auto const oom = status == 128 + SIGKILL ? guest_oom_kill(parts_.kernel_log->text()) : std::string();
    out_of_memory_ = !oom.empty();
    if (out_of_memory_) {
        text += "; the guest ran out of memory: " + oom;
        log(LogLevel::kError, "the program was killed, and the guest ran out of memory: " + oom);
    }
    ignore(replace_file(parts_.state_dir.borrow(), kExitStatusName, text, 0600),
           "there is nobody left to tell");
}

// In this order: clients that wait hear of the end only when it is written down.
void ContainerProcess::finish() {
    auto const& end = session_->end();
    execs_->tell_all_ends();
    machine_->stop();
    // Before the container was ready its creator reports the reason; afterwards there is nobody else.
    if (!end.reason.empty() && reported_) log(LogLevel::kError, end.reason);
    if (!end.reason.empty()) keep_evidence(end.reason);
    if (end.reason.empty()) keep_status(end.exit_status);
    if (starter_.valid()) starter_.reply(fail(ended_error(end)));
    report(fail(ended_error(end)));
}

}  // namespace krun::runtime
