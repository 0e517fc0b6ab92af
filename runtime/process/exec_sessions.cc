// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/exec_sessions.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/fd.h"
#include "config-gen/control_protocol.h"

namespace krun::runtime {
namespace {

constexpr uint32_t kSetUpFailed = 255;

// The file is a client's, who is the same user as we are; a FIFO or a file that grows must not hold us up.
Result<std::string> read_config(BorrowedFd file) {
    struct stat info {};
    if (::fstat(file.raw(), &info) < 0) return fail(Error::sys("look at the process's description"));
    if (!S_ISREG(info.st_mode) || info.st_size > off_t{control::kMaxHostBodyBytes})
        return fail(Error(Errc::kInvalidConfig, "the process's description is no file of at most " +
                                                    std::to_string(control::kMaxHostBodyBytes) + " bytes"));
    return read_file(file, control::kMaxHostBodyBytes);
}

ExecEvent last_event(ProcessEvent const& event) {
    if (event.kind == ProcessEvent::Kind::kFailed) return {ExecEventKind::kFailed, event.code, 0, event.text};
    return {ExecEventKind::kExited, event.code, event.signal};
}

}  // namespace

ExecSessions::~ExecSessions() {
    for (auto& [process, exec] : execs_) {
        drop_client(exec);
        for (auto const& stream : exec.streams) loop_.remove(stream.over.borrow());
    }
}

void ExecSessions::begin(ControlRequest request, ControlConnection connection) {
    Exec exec{.client = connection.take()};
    std::vector<GuestStream> streams;
    auto process = ask_guest(request, streams);
    if (!process.ok())
        return tell(exec, {ExecEventKind::kFailed, kSetUpFailed, 0, process.error().message()});
    uint32_t const number = process.value();
    auto& kept = execs_.emplace(number, std::move(exec)).first->second;
    auto opened = connect_(number, std::move(streams));
    std::string trouble;
    if (opened.ok()) {
        kept.streams = std::move(opened).value();
        open_streams_ += kept.streams.size();
        if (auto const watched = watch(number, kept); !watched.ok()) trouble = watched.error().message();
    } else {
        trouble = opened.error().message();
    }
    if (trouble.empty()) return;
    tell(kept, {ExecEventKind::kFailed, kSetUpFailed, 0, trouble});
    client_gone(number, kept);
}

Result<uint32_t> ExecSessions::ask_guest(ControlRequest& request, std::vector<GuestStream>& streams) {
    if (request.fds.empty()) return fail(Error(Errc::kInvalidConfig, "a process without a description"));
    auto const config = TRY(read_config(request.fds[0].borrow()));
    request.fds.erase(request.fds.begin());
    streams = TRY(streams_of_exec(std::move(request.fds), request.argument == 1));
    if (open_streams_ + streams.size() > kMaxStreams)
        return fail(Error(Errc::kBadState, "too many processes are being executed in this container"));
    return guest_.exec(config);
}

Result<void> ExecSessions::watch(uint32_t process, Exec& exec) {
    TRY(loop_.add(exec.client.borrow(), EPOLLIN, [this, process](uint32_t) { client_readable(process); }));
    for (auto const& stream : exec.streams) {
        uint32_t const number = stream.number;
        TRY(loop_.add(stream.over.borrow(), EPOLLIN,
                      [this, process, number](uint32_t) { stream_over(process, number); }));
    }
    return {};
}

void ExecSessions::client_readable(uint32_t process) {
    auto& exec = execs_.at(process);
    ControlWireRequest request{};
    ssize_t const n = ::recv(exec.client.borrow().raw(), &request, sizeof request, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n != sizeof request) return client_gone(process, exec);
    // The guest may have gone meanwhile: its end says all.
    if (request.op == static_cast<uint32_t>(ControlOp::kSignal) && request.argument >= 1 &&
        request.argument <= 64)
        ignore(guest_.signal(process, request.argument), "the end is told");
    if (request.op == static_cast<uint32_t>(ControlOp::kResize))
        ignore(guest_.resize(process, static_cast<uint16_t>(request.argument >> 16),
                             static_cast<uint16_t>(request.argument & 0xFFFF)),
               "the end is told");
}

// As on a host, where the client is the process.
void ExecSessions::client_gone(uint32_t process, Exec& exec) {
    drop_client(exec);
    if (!exec.over) ignore(guest_.signal(process, SIGKILL), "it is gone with the guest");
    forget_if_done(process);
}

void ExecSessions::guest_event(uint32_t process, ProcessEvent const& event) {
    auto const found = execs_.find(process);
    if (found == execs_.end()) return;
    auto& exec = found->second;
    if (event.kind == ProcessEvent::Kind::kStarted) return tell(exec, {ExecEventKind::kStarted});
    exec.over = true;
    exec.end = last_event(event);
    exec.held_open = event.open_streams;
    tell_end_if_delivered(exec);
    forget_if_done(process);
}

void ExecSessions::stream_over(uint32_t process, uint32_t number) {
    auto& exec = execs_.at(process);
    auto const stream = std::find_if(exec.streams.begin(), exec.streams.end(),
                                     [&](OpenStream const& s) { return s.number == number; });
    loop_.remove(stream->over.borrow());
    exec.streams.erase(stream);
    --open_streams_;
    tell_end_if_delivered(exec);
    forget_if_done(process);
}

// A client that has heard of the end may stop reading the output: so first the output.
void ExecSessions::tell_end_if_delivered(Exec& exec) {
    if (!exec.end) return;
    bool const failed = exec.end->kind == ExecEventKind::kFailed;
    bool const awaited = std::any_of(exec.streams.begin(), exec.streams.end(), [&](OpenStream const& s) {
        return s.output && (exec.held_open & (1U << s.number)) == 0;
    });
    if (awaited && !failed) return;
    tell_end(exec);
    if (!delivering()) delivered_();
}

void ExecSessions::tell_end(Exec& exec) {
    tell(exec, *exec.end);
    exec.end.reset();
    drop_client(exec);
}

bool ExecSessions::delivering() const {
    return std::any_of(execs_.begin(), execs_.end(),
                       [](auto const& one) { return one.second.end.has_value(); });
}

void ExecSessions::tell_all_ends() {
    for (auto& [process, exec] : execs_)
        if (exec.end) tell_end(exec);
}

void ExecSessions::tell(Exec& exec, ExecEvent const& event) {
    if (!exec.client.valid()) return;
    auto const bytes = encode_exec_event(event);
    ignore(::send(exec.client.borrow().raw(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT),
           "a client that has gone away is noticed by its hang-up");
}

void ExecSessions::drop_client(Exec& exec) {
    if (!exec.client.valid()) return;
    loop_.remove(exec.client.borrow());
    exec.client.reset();
}

void ExecSessions::forget_if_done(uint32_t process) {
    auto const found = execs_.find(process);
    if (found->second.over && !found->second.end && found->second.streams.empty()) execs_.erase(found);
}

}  // namespace krun::runtime
