// SPDX-License-Identifier: Apache-2.0
#include "runtime/container_process.h"

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <csignal>

#include "base/fd.h"
#include "base/log.h"
#include "runtime/control_wire.h"
#include "runtime/end_reason.h"
#include "runtime/kernel_image.h"
#include "runtime/kvm_device.h"

namespace krun::runtime {
namespace {

// Long enough for a guest on a busy host that emulates its CPU, short enough that engines still wait for
// create (podman and CRI-O: 240 s).
constexpr time_t kBootLimitSeconds = 120;

// kGuestFault says that the machine is at fault, and not the container's configuration.
Error ended_error(GuestEnd const& end) {
    auto const code = end.exit_status == 255 ? Errc::kGuestFault : Errc::kInvalidConfig;
    return Error(code, end.reason.empty() ? "the container has ended" : end.reason);
}

// Signals whose default action would end a process: what a container that only waits for start does with
// them.
bool ends_a_process(uint32_t signo) {
    return signo != SIGCHLD && signo != SIGCONT && signo != SIGURG && signo != SIGWINCH && signo != SIGTSTP &&
           signo != SIGTTIN && signo != SIGTTOU && signo != SIGPIPE;
}

}  // namespace

Result<std::unique_ptr<ContainerProcess>> ContainerProcess::make(ContainerParts parts) {
    auto loop = TRY(EventLoop::make());
    std::unique_ptr<ContainerProcess> process(new ContainerProcess(std::move(loop), std::move(parts)));
    // Signals are blocked before the machine makes threads, so that only the loop ever sees them.
    TRY(process->watch_signals());
    process->machine_ = TRY(vmm::Machine::make(std::move(process->parts_.machine)));
    TRY(process->watch_everything());
    TRY(process->machine_->start());
    return process;
}

ContainerProcess::ContainerProcess(EventLoop loop, ContainerParts parts)
    : loop_(std::move(loop)), parts_(std::move(parts)) {}

uint32_t ContainerProcess::run() {
    auto const ran = loop_.run();
    if (!ran.ok()) session_->end_with({255, ran.error().message()});
    finish();
    return session_->end().exit_status;
}

Result<void> ContainerProcess::watch_everything() {
    session_ =
        TRY(GuestSession::make(loop_, std::move(parts_.init_connection), [this] { session_changed(); }));
    control_ = TRY(ControlServer::make(
        loop_, std::move(parts_.control_listener),
        [this](ControlRequest const& r, ControlServer::Reply reply) { request(r, std::move(reply)); }));
    TRY(loop_.add(machine_->ended_event(), EPOLLIN, [this](uint32_t) { machine_ended(); }));
    TRY(watch_creator());
    return arm_boot_limit();
}

Result<void> ContainerProcess::watch_signals() {
    sigset_t all;
    ::sigfillset(&all);
    // A fault of our own must end us, not wait in a queue.
    for (int const signo : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS})
        ::sigdelset(&all, signo);
    if (::sigprocmask(SIG_SETMASK, &all, nullptr) < 0) return fail(Error::sys("block signals"));
    ::signal(SIGPIPE, SIG_IGN);  // a reader of the payload's output that leaves is the payload's affair
    signals_ = UniqueFd(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_.valid()) return fail(Error::sys("create a signalfd"));
    return loop_.add(signals_.borrow(), EPOLLIN, [this](uint32_t) { signal_arrived(); });
}

// A creator that dies before the container is ready leaves nothing behind.
Result<void> ContainerProcess::watch_creator() {
    return loop_.add(parts_.report.borrow(), EPOLLRDHUP, [this](uint32_t) {
        session_->end_with({255, "create was interrupted"});
    });
}

Result<void> ContainerProcess::arm_boot_limit() {
    boot_timer_ = UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!boot_timer_.valid()) return fail(Error::sys("create a timer"));
    itimerspec const limit{.it_interval = {}, .it_value = {.tv_sec = kBootLimitSeconds, .tv_nsec = 0}};
    if (::timerfd_settime(boot_timer_.borrow().raw(), 0, &limit, nullptr) < 0)
        return fail(Error::sys("arm a timer"));
    return loop_.add(boot_timer_.borrow(), EPOLLIN, [this](uint32_t) {
        std::string reason = "the guest was not ready after " + std::to_string(kBootLimitSeconds) + " s";
        if (!cpu_has_virtualization())
            reason += "; this host's KVM is emulated in software (its CPU offers neither VMX nor SVM)";
        session_->end_with({255, reason});
    });
}

void ContainerProcess::session_changed() {
    switch (session_->phase()) {
        case GuestPhase::kReady:
            loop_.remove(boot_timer_.borrow());
            boot_timer_.reset();
            window_changed();  // the size may have changed since the terminal was made
            return report({});
        case GuestPhase::kRunning:
            if (start_reply_) start_reply_({});
            start_reply_ = nullptr;
            return;
        case GuestPhase::kEnded:
            return loop_.stop();
        default:
            return;
    }
}

void ContainerProcess::machine_ended() {
    auto const end = machine_->end_reason();
    std::string reason = end ? end->text : "the machine stopped";
    auto const console = parts_.kernel_log->text();
    if (session_->phase() == GuestPhase::kBooting) {
        auto const diagnosis = diagnose_kernel(parts_.kernel_file.borrow(), console);
        if (!diagnosis.empty()) reason = diagnosis;
    }
    auto const words = parts_.kernel_log->last_words();
    if (!words.empty()) reason += "; the guest kernel's last words: " + words;
    session_->end_with({255, reason});
}

void ContainerProcess::signal_arrived() {
    signalfd_siginfo info{};
    ssize_t const n = ::read(signals_.borrow().raw(), &info, sizeof info);
    if (n == sizeof info) relay_signal(info.ssi_signo);
}

void ContainerProcess::relay_signal(uint32_t signo) {
    if (signo == SIGCHLD) return;
    if (signo == SIGWINCH && parts_.terminal.valid()) return window_changed();
    if (session_->signal(signo).ok()) return;
    // Nothing runs in the guest yet: the signal is for the container as it stands.
    if (ends_a_process(signo)) session_->end_with({128 + signo, ""});
}

void ContainerProcess::window_changed() {
    if (!parts_.terminal.valid()) return;
    auto const size = terminal_size(parts_.terminal.borrow());
    if (size.ok() && size.value().rows != 0)
        ignore(session_->resize(size.value().rows, size.value().columns), "too early or too late: no matter");
}

void ContainerProcess::request(ControlRequest const& request, ControlServer::Reply reply) {
    switch (request.op) {
        case ControlOp::kStart: {
            auto const started = session_->start();
            if (started.ok())
                start_reply_ = std::move(reply);  // answered when execve has succeeded or failed
            else
                reply(started);
            return;
        }
        case ControlOp::kSignal:
            if (request.argument < 1 || request.argument > 64)
                return reply(fail(Error(Errc::kInvalidConfig, "no such signal")));
            relay_signal(request.argument);
            return reply({});
        case ControlOp::kResize:
            return reply(session_->resize(static_cast<uint16_t>(request.argument >> 16),
                                          static_cast<uint16_t>(request.argument & 0xFFFF)));
    }
    reply(fail(Error(Errc::kUnsupported, "unknown request")));
}

void ContainerProcess::report(Result<void> const& result) {
    if (reported_) return;
    reported_ = true;
    loop_.remove(parts_.report.borrow());
    auto const message = encode_result(result);
    ignore(::send(parts_.report.borrow().raw(), message.data(), message.size(), MSG_NOSIGNAL),
           "the creator has gone");
    parts_.report.reset();
}

// In this order: the machine stops only when the output is delivered, and clients that wait hear of the end
// only when it is written down.
void ContainerProcess::finish() {
    auto const& end = session_->end();
    if (end.reason.empty()) wait_for_delivery();
    machine_->stop();
    // Before the container was ready its creator reports the reason; afterwards there is nobody else.
    if (!end.reason.empty() && reported_) log(LogLevel::kError, end.reason);
    if (!end.reason.empty())
        ignore(replace_file(parts_.state_dir.borrow(), kEndReasonName,
                            end.reason.substr(0, kMaxEndReasonBytes), 0600),
               "the state directory may have been removed by delete --force");
    if (start_reply_) start_reply_(fail(ended_error(end)));
    report(fail(ended_error(end)));
}

// Until the reader has taken all output, has gone, or somebody kills us: as a pipe would keep it.
void ContainerProcess::wait_for_delivery() {
    for (auto const& stream : parts_.output) {
        std::byte nothing{};
        if (stream.connected->load())
            ignore(read_full(stream.hangup.borrow(), std::span(&nothing, 1)),
                   "end-of-file is what we wait for");
    }
}

}  // namespace krun::runtime
