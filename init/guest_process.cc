// SPDX-License-Identifier: Apache-2.0
#include "init/guest_process.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/signal_action.h"
#include "init/log.h"

namespace krun::init {
namespace {

constexpr uint32_t kSetUpFailed = 125;
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

GuestProcess::~GuestProcess() {
    if (status_open_) loop_.remove(child_.socket.fd());
}

Result<void> GuestProcess::start(guest::Process const& process, Connections connections,
                                 MakeChild const& make_child, SetupSockets sockets) {
    auto ends = TRY(stdio_.open(process, std::move(connections)));
    child_ = TRY(make_child(std::move(ends)));
    sockets_ = std::move(sockets);
    phase_ = Phase::kSetUp;
    TRY(loop_.add(child_.socket.fd(), EPOLLIN, [this](uint32_t) { status_readable(); }));
    status_open_ = true;
    for (uint32_t number = 1; number <= 64; ++number)
        if ((early_signals_ >> (number - 1) & 1) != 0) signal(number);
    return {};
}

void GuestProcess::go() {
    if (!is_payload() || phase_ != Phase::kReady) return;
    phase_ = Phase::kStarting;
    // EPIPE if it has just been killed: its end is about to be seen.
    ignore(child_.socket.send({StatusKind::kGo, 0, {}, {}}), "the end is reported");
}

void GuestProcess::signal(uint32_t number) {
    if (number < 1 || number > 64) return;
    if (ended()) {
        if (ends_a_process(static_cast<int>(number)) && phase_ == Phase::kEnded && !stdio_.settled())
            give_up();
        return;
    }
    if (child_.pid < 0)
        early_signals_ |= uint64_t{1} << (number - 1);
    else
        ::kill(child_.pid, static_cast<int>(number));
}

void GuestProcess::resize(uint16_t rows, uint16_t columns) {
    ignore(stdio_.resize(rows, columns), "the terminal may be gone");
}

void GuestProcess::accept(uint32_t number, UniqueFd connection) {
    ignore(stdio_.accept(number, std::move(connection)), "the host sees its connection closed");
}

void GuestProcess::status_readable() {
    auto message = child_.socket.receive();
    if (!message.ok()) return refuse(message.error());
    if (!message.value()) return status_closed();
    if (auto const done = handle(*std::move(message).value()); !done.ok()) refuse(done.error());
}

Result<void> GuestProcess::handle(StatusMessage message) {
    bool const in_set_up = phase_ == Phase::kSetUp && !failed_;
    switch (message.kind) {
        case StatusKind::kConsole:
            if (in_set_up) return stdio_.open_console(std::move(message.fd));
            break;
        case StatusKind::kNotify:
            if (!in_set_up || !sockets_.on_notify || !message.fd.valid()) break;
            sockets_.on_notify(std::move(message.fd));
            return {};
        case StatusKind::kSocket:
            if (!in_set_up || !sockets_.on_socket || !message.fd.valid()) break;
            sockets_.on_socket(message.exit_code, std::move(message.fd));
            return {};
        case StatusKind::kReady:
            if (in_set_up) return ready();
            break;
        case StatusKind::kFailed:
            if (phase_ > Phase::kStarting || failed_) break;
            failed_ = Failed{message.exit_code, std::move(message.text)};
            return {};
        case StatusKind::kGo:
            break;
    }
    return fail(Error(Errc::kInternal, "an unexpected message from a process that is being set up"));
}

Result<void> GuestProcess::ready() {
    if (!is_payload()) {
        phase_ = Phase::kStarting;
        return {};
    }
    phase_ = Phase::kReady;
    log_step("ready");
    return control_.send_ready();
}

// The socket closes on execve and on death. Death after go() and before execve looks like a program that was
// started and killed at once, which is what the user asked for.
void GuestProcess::status_closed() {
    loop_.remove(child_.socket.fd());
    status_open_ = false;
    if (phase_ != Phase::kStarting || failed_) return;
    phase_ = Phase::kRunning;
    ignore(control_.send_started(number_), "the loop sees the end of the connection");
}

// Without a rule to go on by, the process ends, and with it, if it is the payload, the container.
void GuestProcess::refuse(Error const& error) {
    if (status_open_) loop_.remove(child_.socket.fd());
    status_open_ = false;
    if (!failed_ && phase_ <= Phase::kStarting) failed_ = Failed{kSetUpFailed, error.message()};
    ::kill(child_.pid, SIGKILL);
}

void GuestProcess::reaped(int status) {
    // What it said before it died comes first: the reason of a failure, or that it had been started.
    while (status_open_ && child_.socket.readable()) status_readable();
    if (status_open_) status_closed();
    exit_ = WIFSIGNALED(status) ? Exit{0, static_cast<uint32_t>(WTERMSIG(status))}
                                : Exit{static_cast<uint32_t>(WEXITSTATUS(status)), 0};
    if (phase_ == Phase::kSetUp && !failed_)
        failed_ = Failed{kSetUpFailed,
                         "the process ended before it was ready (status " + std::to_string(status) + ")"};
    phase_ = Phase::kEnded;
    if (failed_) stdio_.close();
    begin_drain();
}

void GuestProcess::begin_drain() {
    stdio_.process_ended();
    moved_ = stdio_.moved_bytes();
    deadline_ms_.reset();
    stalled_ = false;
}

std::optional<int64_t> GuestProcess::check_progress(int64_t now_ms) {
    if (!ended() || !container_ended_ || is_payload() || stalled_ || stdio_.settled()) return std::nullopt;
    if (!deadline_ms_ || stdio_.moved_bytes() != moved_) deadline_ms_ = now_ms + kStallMs;
    moved_ = stdio_.moved_bytes();
    if (now_ms < *deadline_ms_) return deadline_ms_;
    give_up();
    return std::nullopt;
}

void GuestProcess::give_up() {
    log_error("nobody takes the last output of process " + std::to_string(number_));
    stalled_ = true;
    stdio_.close();
}

Result<void> GuestProcess::report() {
    phase_ = Phase::kReported;
    if (is_payload()) stdio_.close();
    return send_end();
}

Result<void> GuestProcess::send_end() {
    if (failed_) return control_.send_failed(number_, failed_->exit_code, failed_->text);
    if (char const* const wish = is_payload() ? reboot_wish(exit_.signal) : nullptr)
        return control_.send_failed(number_, kMachineEnd,
                                    std::string("the payload asked the machine to ") + wish);
    return control_.send_exited(number_, {exit_.code, exit_.signal, stdio_.open_streams()});
}

bool GuestProcess::finished() const {
    return phase_ == Phase::kReported && (stdio_.done() || (container_ended_ && stdio_.settled()));
}

void GuestProcess::container_ended() {
    container_ended_ = true;
    if (ended()) begin_drain();
}

}  // namespace krun::init
