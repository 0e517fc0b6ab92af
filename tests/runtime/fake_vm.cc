// SPDX-License-Identifier: Apache-2.0
// A spawn_vm() without a machine: its container process serves the control socket as the real one does, and
// its payload does what process.args say:
//   {"exit", "7"}   ends with status 7 as soon as it is started
//   {"wait"}        runs until a signal ends it, with status 128 + N
//   {"missing"}     is a program that does not exist: spawn_vm() fails
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <span>

#include "base/fd.h"
#include "base/strings.h"
#include "runtime/control_server.h"
#include "runtime/process_identity.h"
#include "runtime/vm_process.h"

namespace krun::runtime {
namespace {

// As the real one does: dies with a creator that is killed before it is ready, and is ready only when it
// listens itself. `ready` is closed then.
Result<void> serve(UniqueFd listener, UniqueFd ready, std::vector<std::string> const& args) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    auto loop = TRY(EventLoop::make());
    bool started = false;
    auto const server = TRY(ControlServer::make(
        loop, std::move(listener), [&](ControlRequest request, ControlServer::Reply const& reply) {
            if (request.op == ControlOp::kStart && started)
                return reply(fail(Error(Errc::kBadState, "it runs already")));
            started |= request.op == ControlOp::kStart;
            reply(Result<void>());
            if (request.op == ControlOp::kSignal) ::_exit(128 + static_cast<int>(request.argument));
            if (started && args[0] == "exit") ::_exit(static_cast<int>(*parse_uint64(args[1])));
        }));
    ::prctl(PR_SET_PDEATHSIG, 0);
    ready.reset();
    return loop.run();
}

}  // namespace

Result<VmProcess> spawn_vm(VmRequest request) {
    auto const& args = request.spec.process->args;
    if (args[0] == "missing")
        return fail(Error(Errc::kInvalidConfig, "exec: \"missing\": executable file not found in $PATH"));
    auto listener = TRY(bind_control_socket(request.state_dir));
    auto [wait_for, ready] = TRY(make_pipe());
    pid_t const pid = ::fork();
    if (pid < 0) return fail(Error::sys("fork"));
    if (pid == 0) {
        ::setsid();
        for (int fd = 0; fd <= 2; ++fd) ::close(fd);
        ignore(serve(std::move(listener), std::move(ready), args), "the process ends either way");
        ::_exit(255);
    }
    ready.reset();
    std::byte nothing{};
    TRY(read_full(wait_for.borrow(), std::span(&nothing, 1)));
    auto const identity = TRY(identify(pid));
    return VmProcess{pid, identity.start_time, ""};
}

}  // namespace krun::runtime
