// SPDX-License-Identifier: Apache-2.0
#include "init/agent.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/bytes.h"
#include "base/fd.h"
#include "init/cgroup.h"
#include "init/log.h"

namespace krun::init {
namespace {

constexpr uint32_t kSetUpFailed = 125;
// A reader on the host that takes nothing for so long after the payload's death has lost its claim on the
// rest: otherwise a stuck log collector would keep a killed container alive.
constexpr int kDrainStallMs = 10'000;

Result<UniqueFd> open_child_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGCHLD);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0) return fail(Error::sys("block SIGCHLD"));
    UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd.valid()) return fail(Error::sys("watch for ended processes"));
    return fd;
}

int64_t now_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

template <class Body>
std::optional<Body> body_of(Frame const& frame) {
    if (frame.body.size() != sizeof(Body)) return std::nullopt;
    return ByteReader(frame.body).take<Body>();
}

// The status of an end that is not the payload program's own.
constexpr uint32_t kMachineEnd = 255;

// reboot(2) in a pid namespace ends its first process as if by SIGHUP (restart) or SIGINT (halt, power off).
// No signal that anybody sends does that: without a handler the kernel keeps both from that process
// (pid_namespaces(7)). Null for any other end.
char const* reboot_wish(uint32_t signal) {
    if (signal == SIGHUP) return "restart";
    return signal == SIGINT ? "halt" : nullptr;
}

}  // namespace

Agent::Agent(ControlLink& control, KrunConfig const& config, ConnectPort connect,
             std::string cgroup_hierarchy, EventLoop loop, UniqueFd child_signals)
    : control_(control),
      config_(config),
      connect_(std::move(connect)),
      cgroup_hierarchy_(std::move(cgroup_hierarchy)),
      loop_(std::move(loop)),
      child_signals_(std::move(child_signals)),
      stdio_(loop_) {}

Result<std::unique_ptr<Agent>> Agent::make(ControlLink& control, KrunConfig const& config,
                                           ConnectPort connect, std::string cgroup_hierarchy) {
    auto loop = TRY(EventLoop::make());
    auto signals = TRY(open_child_signals());
    return std::unique_ptr<Agent>(new Agent(control, config, std::move(connect), std::move(cgroup_hierarchy),
                                            std::move(loop), std::move(signals)));
}

Result<void> Agent::start() {
    UniqueFd cgroup;
    if (!cgroup_hierarchy_.empty())
        cgroup = TRY(create_payload_cgroup(cgroup_hierarchy_, config_.krun.cgroup));
    std::array<UniqueFd, 3> streams;
    if (!config_.process.terminal) streams = TRY(stdio_.open_pipes(config_.process.user, connect_));
    payload_ = TRY(start_payload(config_, std::move(streams), std::move(cgroup)));
    status_open_ = true;
    return watch();
}

Result<void> Agent::watch() {
    TRY(loop_.add(control_.fd(), EPOLLIN, [this](uint32_t) { run_handler(control_readable()); }));
    TRY(loop_.add(child_signals_.borrow(), EPOLLIN, [this](uint32_t) { run_handler(child_signalled()); }));
    return loop_.add(payload_->socket.fd(), EPOLLIN, [this](uint32_t) { run_handler(status_readable()); });
}

void Agent::run_handler(Result<void> outcome) {
    if (outcome.ok()) return;
    failure_ = std::move(outcome).error();
    loop_.stop();
}

Result<void> Agent::run() {
    TRY(start());
    while (!exit_ && !failure_) TRY(loop_.run_once(-1));
    if (!failure_ && phase_ != Phase::kFailed) TRY(drain());
    if (failure_) return fail(*std::move(failure_));
    if (phase_ == Phase::kFailed) return {};
    return report_end();
}

Result<void> Agent::control_readable() {
    auto frames = control_.receive();
    if (!frames.ok()) {
        host_lost_ = true;
        return fail(std::move(frames).error());
    }
    for (auto const& frame : frames.value()) TRY(handle(frame));
    return {};
}

Result<void> Agent::handle(Frame const& frame) {
    switch (static_cast<control::FrameType>(frame.header.type)) {
        case control::FrameType::kStart:
            return start_payload_program();
        case control::FrameType::kSignal: {
            auto const body = body_of<control::SignalBody>(frame);
            // ESRCH and EINVAL are the sender's race and mistake, not a reason to end the machine.
            if (body && !exit_) ::kill(payload_->pid, static_cast<int>(body->signal));
            return {};
        }
        case control::FrameType::kResize: {
            auto const body = body_of<control::ResizeBody>(frame);
            if (body) ignore(stdio_.resize(body->rows, body->columns), "the terminal may be gone");
            return {};
        }
        default:
            log_error("unknown message " + std::to_string(frame.header.type) + " from the host");
            return {};
    }
}

Result<void> Agent::start_payload_program() {
    if (phase_ != Phase::kReady) return {};
    phase_ = Phase::kStarting;
    // EPIPE if it has just been killed: its end is about to be seen.
    ignore(payload_->socket.send({StatusKind::kGo, 0, {}, {}}), "the end is reported");
    return {};
}

Result<void> Agent::status_readable() {
    auto message = TRY(payload_->socket.receive());
    if (message) return handle(*std::move(message));
    return status_closed();
}

Result<void> Agent::handle(StatusMessage message) {
    switch (message.kind) {
        case StatusKind::kConsole:
            return stdio_.open_console(std::move(message.fd), connect_);
        case StatusKind::kReady:
            phase_ = Phase::kReady;
            log_step("ready");
            return control_.send_ready();
        case StatusKind::kFailed:
            phase_ = Phase::kFailed;
            return control_.send_failed(message.exit_code, message.text);
        default:
            return fail(Error(Errc::kInternal, "an unknown message from the payload's process"));
    }
}

// The socket closes on execve and on death. Death after kGo and before execve looks like a payload that was
// started and killed at once, which is what the user asked for.
Result<void> Agent::status_closed() {
    loop_.remove(payload_->socket.fd());
    status_open_ = false;
    if (phase_ != Phase::kStarting) return {};
    phase_ = Phase::kRunning;
    return control_.send_started();
}

Result<void> Agent::child_signalled() {
    signalfd_siginfo info{};
    while (::read(child_signals_.borrow().raw(), &info, sizeof info) > 0) {
    }
    return reap();
}

Result<void> Agent::reap() {
    std::optional<Exit> ended;
    int status = 0;
    while (pid_t const pid = ::waitpid(-1, &status, WNOHANG)) {
        if (pid < 0 && errno != EINTR) break;  // ECHILD
        if (pid != payload_->pid) continue;    // an orphan from outside the payload's namespace
        ended = WIFSIGNALED(status) ? Exit{0, static_cast<uint32_t>(WTERMSIG(status))}
                                    : Exit{static_cast<uint32_t>(WEXITSTATUS(status)), 0};
    }
    if (!ended) return {};
    // What it said before it died comes first: the reason of a failure, or that it had been started.
    while (status_open_) TRY(status_readable());
    exit_ = ended;
    if (phase_ != Phase::kSetUp) return {};
    phase_ = Phase::kFailed;
    return control_.send_failed(kSetUpFailed, "the payload's process ended before it was ready (status " +
                                                  std::to_string(status) + ")");
}

// Every process of the payload's pid namespace is dead by now (pid_namespaces(7)), so each pipe has an end.
Result<void> Agent::drain() {
    log_step("payload ended");
    stdio_.stop_input();
    uint64_t moved = stdio_.moved_bytes();
    int64_t deadline = now_ms() + kDrainStallMs;
    while (!stdio_.drained() && !failure_) {
        int64_t const left = deadline - now_ms();
        if (left <= 0) {
            log_error("nobody takes the payload's last output");
            break;
        }
        TRY(loop_.run_once(static_cast<int>(left)));
        if (stdio_.moved_bytes() == moved) continue;
        moved = stdio_.moved_bytes();
        deadline = now_ms() + kDrainStallMs;
    }
    return {};
}

Result<void> Agent::report_end() {
    ::sync();
    log_step("report end");
    if (char const* const wish = reboot_wish(exit_->signal))
        return control_.send_failed(kMachineEnd, std::string("the payload asked the machine to ") + wish);
    return control_.send_exited(exit_->code, exit_->signal);
}

}  // namespace krun::init
