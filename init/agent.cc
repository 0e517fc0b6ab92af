// SPDX-License-Identifier: Apache-2.0
#include "init/agent.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/bytes.h"
#include "init/bus.h"
#include "init/cgroup.h"
#include "init/clock.h"
#include "init/config.h"
#include "init/log.h"
#include "init/network.h"
#include "init/notify_socket.h"
#include "init/payload_setup.h"
#include "init/process_clone.h"

namespace krun::init {
namespace {

constexpr uint32_t kPayload = 0;
constexpr uint32_t kSetUpFailed = 125;
// So that a flood on one descriptor leaves the others their turns.
constexpr int kStreamsATurn = 32;
constexpr int kNotificationsATurn = 16;
// A payload that notifies faster than the host listens waits, as its messages' socket fills up.
constexpr size_t kMaxUnsentNotifyBytes = size_t{256} * 1024;

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

std::string_view text_of(Frame const& frame) {
    return {reinterpret_cast<char const*>(frame.body.data()), frame.body.size()};
}

}  // namespace

Agent::Agent(ControlLink& control, KrunConfig const& config, StreamListener listener,
             std::string cgroup_hierarchy, EventLoop loop, UniqueFd child_signals)
    : control_(control),
      config_(config),
      listener_(std::move(listener)),
      cgroup_hierarchy_(std::move(cgroup_hierarchy)),
      loop_(std::move(loop)),
      child_signals_(std::move(child_signals)),
      bound_(loop_,
             [this](uint32_t connection, uint32_t socket) {
                 run_handler(control_.send_connect({connection, socket}));
             }),
      payload_(kPayload, control_, loop_) {}

Result<std::unique_ptr<Agent>> Agent::make(ControlLink& control, KrunConfig const& config,
                                           StreamListener listener, std::string cgroup_hierarchy) {
    auto loop = TRY(EventLoop::make());
    auto signals = TRY(open_child_signals());
    return std::unique_ptr<Agent>(new Agent(control, config, std::move(listener), std::move(cgroup_hierarchy),
                                            std::move(loop), std::move(signals)));
}

Result<void> Agent::watch() {
    control_events_ = EPOLLIN;
    TRY(loop_.add(control_.fd(), EPOLLIN, [this](uint32_t events) { run_handler(control_ready(events)); }));
    TRY(loop_.add(child_signals_.borrow(), EPOLLIN, [this](uint32_t) { run_handler(child_signalled()); }));
    return loop_.add(listener_.fd(), EPOLLIN, [this](uint32_t) { run_handler(accept_streams()); });
}

void Agent::run_handler(Result<void> outcome) {
    if (outcome.ok() || failure_) return;
    failure_ = std::move(outcome).error();
}

Result<void> Agent::run() {
    if (!cgroup_hierarchy_.empty())
        cgroup_ = TRY(create_payload_cgroup(cgroup_hierarchy_, config_.krun.cgroup));
    TRY(watch());
    while (!done_ && !failure_) {
        auto const timeout = TRY(wait_ms());
        TRY(loop_.run_once(timeout));
        if (!failure_) run_handler(start_waiting());
        if (!failure_) run_handler(report_ends());
    }
    if (failure_) return fail(*std::move(failure_));
    return {};
}

// Until the next stalled reader is given up, if there is one; and asks for what the host shall be told next.
Result<int> Agent::wait_ms() {
    uint32_t const events = control_.pending_bytes() == 0 ? EPOLLIN : EPOLLIN | EPOLLOUT;
    if (events != control_events_) TRY(loop_.modify(control_.fd(), events));
    control_events_ = events;
    if (notify_paused_ && control_.pending_bytes() < kMaxUnsentNotifyBytes) {
        TRY(loop_.modify(notify_reader_.borrow(), EPOLLIN));
        notify_paused_ = false;
    }
    int64_t const now = now_ms();
    auto first = payload_.check_progress(now);
    for (auto const& [number, one] : executed_)
        if (auto const next = one->process.check_progress(now); next && (!first || *next < *first))
            first = next;
    if (!first) return -1;
    return static_cast<int>(std::clamp<int64_t>(*first - now, 0, GuestProcess::kStallMs));
}

Result<void> Agent::control_ready(uint32_t events) {
    auto outcome = [&]() -> Result<void> {
        if ((events & EPOLLOUT) != 0) TRY(control_.flush());
        if ((events & ~uint32_t{EPOLLOUT}) == 0) return {};
        auto const frames = TRY(control_.receive());
        for (auto const& frame : frames)
            if (!failure_) TRY(handle(frame));  // no start without its network
        return {};
    }();
    host_lost_ = !outcome.ok();
    return outcome;
}

GuestProcess* Agent::process(uint32_t number) {
    if (number == kPayload) return &payload_;
    auto const it = executed_.find(number);
    return it == executed_.end() ? nullptr : &it->second->process;
}

Result<void> Agent::handle(Frame const& frame) {
    auto* const target = process(frame.header.process);
    switch (static_cast<control::FrameType>(frame.header.type)) {
        case control::FrameType::kStart:
            if (frame.body.empty() && target != nullptr) target->go();
            return {};
        case control::FrameType::kSignal:
            if (auto const body = body_of<control::SignalBody>(frame); body && target != nullptr)
                target->signal(body->signal);
            return {};
        case control::FrameType::kResize:
            if (auto const body = body_of<control::ResizeBody>(frame); body && target != nullptr)
                target->resize(body->rows, body->columns);
            return {};
        case control::FrameType::kSignalAll:
            if (auto const body = body_of<control::SignalBody>(frame)) signal_all(body->signal);
            return {};
        case control::FrameType::kExec:
            execute(frame);
            return {};
        case control::FrameType::kCgroup:
            return control_.send_cgroup_answer(use_cgroup_file(cgroup_, text_of(frame)));
        case control::FrameType::kRefused:
            if (auto const body = body_of<control::ConnectBody>(frame)) bound_.refused(body->connection);
            return {};
        case control::FrameType::kClock:
            if (auto const body = body_of<control::ClockBody>(frame))
                follow_host_clock(body->ns, payload_.started());
            return {};
        case control::FrameType::kNotified:
            if (notify_reader_.valid()) end_barrier(notify_reader_.borrow());
            return {};
        case control::FrameType::kPlugged:
            // The payload runs, and does so without.
            if (auto const body = body_of<control::PluggedBody>(frame))
                if (auto const found = find_device(body->device); !found.ok())
                    log_error("a device that was plugged in: " + found.error().message());
            return {};
        case control::FrameType::kNetwork:
            run_handler(set_up_network(frame));
            return {};
        default:
            log_error("unknown message " + std::to_string(frame.header.type) + " from the host");
            return {};
    }
}

Result<void> Agent::set_up_network(Frame const& frame) {
    log_step("network");
    auto leases = TRY(init::set_up_network(frame.body));
    for (auto& held : leases)
        if (auto keeper = TRY(LeaseKeeper::make(loop_, std::move(held))))
            leases_.push_back(std::move(keeper));
    return {};
}

// Every process of the container is in the payload's pid namespace, or in one below it. The first one comes
// last, as its end would be that of the others; and for SIGKILL that is enough.
void Agent::signal_all(uint32_t number) {
    if (number < 1 || number > 64) return;
    if (!payload_.joinable() || number == SIGKILL) return payload_.signal(number);
    auto const signaller = signal_container(payload_.pidfd(), static_cast<int>(number));
    if (!signaller.ok()) {
        // The host has been told that it is done: at least the one process that can pass it on gets it.
        log_error(signaller.error().message());
        return payload_.signal(number);
    }
    signallers_[signaller.value()] = number;
}

Result<void> Agent::accept_streams() {
    for (int i = 0; i < kStreamsATurn; ++i) {
        auto connection = TRY(listener_.accept());
        if (!connection) return {};
        if (connection->name.bound)
            bound_.opened(connection->name.process, std::move(connection->fd));
        else if (connection->name.accepted)
            payload_.accept(connection->name.stream, std::move(connection->fd));
        else
            stash_.add(*std::move(connection));
    }
    return {};
}

Result<void> Agent::start_payload() {
    auto const make_child = [this](std::vector<ProcessEnd> ends) {
        return clone_payload(clone_flags(config_.krun), cgroup_, [&](StatusSocket init) {
            run_payload(config_, std::move(init), std::move(ends));
        });
    };
    return payload_.start(
        config_.process, stash_.take(kPayload), make_child,
        {.on_notify = [this](UniqueFd s) { run_handler(watch_notify_socket(std::move(s))); },
         .on_socket = [this](uint32_t n, UniqueFd s) { run_handler(bound_.add(n, std::move(s))); }});
}

void Agent::execute(Frame const& frame) {
    uint32_t const number = frame.header.process;
    if (number == kPayload || number >= control::kMaxProcesses || !stash_.open(number) ||
        executed_.contains(number))
        return log_error("a process to execute without a number of its own");
    auto config = parse_exec_config(text_of(frame));
    if (!config.ok()) return run_handler(refuse(number, config.error().message()));
    executed_[number] = std::make_unique<Execution>(std::move(config).value(), number, control_, loop_);
}

Result<void> Agent::refuse(uint32_t number, std::string const& text) {
    stash_.close(number);
    return control_.send_failed(number, kSetUpFailed, text);
}

// Those whose streams have all arrived, and those that have come too late for the container.
Result<void> Agent::start_waiting() {
    if (payload_.waits_for_streams() && stash_.has_all(kPayload, stream_numbers(config_.process)))
        TRY(start_payload());
    for (auto it = executed_.begin(); it != executed_.end();) {
        auto const current = it++;
        auto& [number, one] = *current;
        if (!one->process.waits_for_streams()) continue;
        Result<void> started;
        if (!payload_.joinable())
            started = fail(Error(Errc::kBadState, "container not running"));
        else if (stash_.has_all(number, stream_numbers(one->config.process)))
            started = one->start(config_.krun, payload_, cgroup_, stash_.take(number));
        if (started.ok()) continue;
        TRY(refuse(number, started.error().message()));
        executed_.erase(current);
    }
    return {};
}

Result<void> Agent::watch_notify_socket(UniqueFd socket) {
    notify_reader_ = TRY(start_notify_reader(std::move(socket)));
    return loop_.add(notify_reader_.borrow(), EPOLLIN, [this](uint32_t) { run_handler(notify_readable()); });
}

Result<void> Agent::notify_readable() {
    if (control_.pending_bytes() >= kMaxUnsentNotifyBytes) {
        notify_paused_ = true;
        return loop_.modify(notify_reader_.borrow(), 0);
    }
    if (take_notifications(notify_reader_.borrow(), kNotificationsATurn,
                           [this](std::string_view text) { run_handler(control_.send_notify(text)); }))
        return {};
    loop_.remove(notify_reader_.borrow());
    notify_reader_.reset();
    notify_paused_ = false;
    return {};
}

Result<void> Agent::child_signalled() {
    signalfd_siginfo info{};
    while (::read(child_signals_.borrow().raw(), &info, sizeof info) > 0) {
    }
    reap();
    return {};
}

void Agent::reap() {
    int status = 0;
    while (pid_t const pid = ::waitpid(-1, &status, WNOHANG)) {
        if (pid < 0 && errno == EINTR) continue;
        if (pid < 0) return;  // ECHILD
        if (pid == payload_.pid()) {
            payload_.reaped(status);
            log_step("payload ended");
            for (auto const& [number, one] : executed_) one->process.container_ended();
        }
        if (auto const it = signallers_.find(pid); it != signallers_.end()) {
            payload_.signal(it->second);
            signallers_.erase(it);
        }
        for (auto const& [number, one] : executed_)
            if (one->process.pid() == pid && !one->process.ended()) one->process.reaped(status);
    }
}

Result<void> Agent::report_ends() {
    for (auto it = executed_.begin(); it != executed_.end();) {
        auto const current = it++;
        auto& process = current->second->process;
        if (process.reportable()) TRY(process.report());
        if (process.finished()) executed_.erase(current);
    }
    if (executed_.empty() && payload_.reportable()) return report_payload_end();
    return {};
}

// A host's kernel would hold it for the server: here it is on its way through this process.
Result<void> Agent::deliver_to_sockets() {
    constexpr int kTurns = 100, kTurnMs = 10;  // a server that takes nothing is waited for no longer
    for (int i = 0; i < kTurns && bound_.owes(); ++i) TRY(loop_.run_once(kTurnMs));
    return {};
}

Result<void> Agent::report_payload_end() {
    done_ = true;
    TRY(deliver_to_sockets());
    if (notify_reader_.valid())
        take_last_notifications(notify_reader_.borrow(),
                                [this](std::string_view text) { run_handler(control_.send_notify(text)); });
    ::sync();
    log_step("report end");
    TRY(payload_.report());
    return control_.flush_all();
}

}  // namespace krun::init
