// SPDX-License-Identifier: Apache-2.0
// A spawn_vm() without a machine: its container process serves the control socket as the real one does, and
// its payload does what process.args say:
//   {"exit", "7"}   ends with status 7 as soon as it is started
//   {"wait"}        runs until a signal ends it, with status 128 + N
//   {"missing"}     is a program that does not exist: spawn_vm() fails
// Executed processes know the same words, and
//   {"say", "text"} writes it to standard output, and ends with status 0
// The payload's cgroup has a few files that can be read and written; the value "refused" is.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <span>
#include <string>

#include "base/fd.h"
#include "base/fd_passing.h"
#include "base/json.h"
#include "base/scope_exit.h"
#include "base/strings.h"
#include "runtime/control/control_server.h"
#include "runtime/control/control_wire.h"
#include "runtime/host/process_identity.h"
#include "runtime/process/vm_process.h"

namespace krun::runtime {
namespace {

// The args of an executed process, as its description has them.
std::vector<std::string> args_of(BorrowedFd description) {
    auto const text = read_file(description, 1 << 20).value();
    auto const json = Json::parse(text, 1 << 20).value();
    std::vector<std::string> out;
    for (auto const& item : json.find("process")->find("args")->items()) out.push_back(item.text());
    return out;
}

// Plays an executed process to its end, in a process of its own.
void execute(ControlRequest const& request, ControlConnection connection) {
    auto const client = connection.take();
    ignore(set_nonblocking(client.borrow(), false), "the test fails");
    auto const tell = [&](ExecEvent const& event) {
        ignore(send_message(client.borrow(), encode_exec_event(event)), "the client has gone");
    };
    auto const args = args_of(request.fds[0].borrow());
    if (args[0] == "missing")
        return tell(
            {ExecEventKind::kFailed, 127, 0, "exec: \"missing\": executable file not found in $PATH"});
    tell({ExecEventKind::kStarted});
    if (args[0] == "exit")
        return tell({ExecEventKind::kExited, static_cast<uint32_t>(*parse_uint64(args[1]))});
    if (args[0] == "say") {
        ignore(write_full(request.fds[2].borrow(), args[1]), "nobody reads");
        return tell({ExecEventKind::kExited, 0});
    }
    ControlWireRequest signal{};
    if (::recv(client.borrow().raw(), &signal, sizeof signal, 0) == sizeof signal)
        tell({ExecEventKind::kExited, 0, signal.argument});
}

void use_cgroup_file(std::map<std::string, std::string>& files, std::string const& request,
                     ControlConnection client) {
    auto const newline = request.find('\n');
    auto const file = files.find(request.substr(0, newline));
    if (file == files.end()) return client.reply(fail(Error(Errc::kSystem, "in the guest", ENOENT)));
    if (newline == request.npos) return client.reply({}, file->second);
    auto value = request.substr(newline + 1);
    if (value == "refused") return client.reply(fail(Error(Errc::kSystem, "in the guest", EINVAL)));
    file->second = std::move(value) + "\n";
    client.reply({});
}

// As the real one does: dies with a creator that is killed before it is ready, and is ready only when it
// listens itself. `ready` is closed then.
Result<void> serve(pid_t creator, UniqueFd listener, UniqueFd ready, std::vector<std::string> const& args) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != creator) ::_exit(255);  // it died before that, so no signal will come
    auto loop = TRY(EventLoop::make());
    bool started = false;
    std::map<std::string, std::string> cgroup = {{"memory.max", "1073741824\n"},
                                                 {"memory.swap.max", "0\n"},
                                                 {"memory.current", "4096\n"},
                                                 {"memory.events", "max 3\noom_kill 0\n"},
                                                 {"memory.stat", "file 1024\nbad line\n"},
                                                 {"cpu.max", "max 100000\n"},
                                                 {"cpu.weight", "100\n"},
                                                 {"cpuset.cpus", "\n"},
                                                 {"cpu.stat", "usage_usec 7\nuser_usec 5\nsystem_usec 2\n"},
                                                 {"pids.current", "1\n"},
                                                 {"pids.max", "max\n"}};
    auto const server = TRY(
        ControlServer::make(loop, std::move(listener), [&](ControlRequest request, ControlConnection client) {
            if (request.op == ControlOp::kExec && ::fork() == 0) {
                ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // as a guest's processes end with their machine
                execute(request, std::move(client));
                ::_exit(0);
            }
            if (request.op == ControlOp::kExec) return;
            if (request.op == ControlOp::kCgroup)
                return use_cgroup_file(cgroup, request.text, std::move(client));
            if (request.op == ControlOp::kStart && started)
                return client.reply(fail(Error(Errc::kBadState, "it runs already")));
            started |= request.op == ControlOp::kStart;
            client.reply(Result<void>());
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
    pid_t const creator = ::getpid();
    pid_t const pid = ::fork();
    if (pid < 0) return fail(Error::sys("fork"));
    if (pid == 0) {
        ::setsid();
        for (int fd = 0; fd <= 2; ++fd) ::close(fd);
        ignore(serve(creator, std::move(listener), std::move(ready), args), "the process ends either way");
        ::_exit(255);
    }
    ready.reset();
    ScopeExit reap([pid] {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    });
    std::byte nothing{};
    TRY(read_full(wait_for.borrow(), std::span(&nothing, 1)));
    auto const identity = TRY(identify(pid));
    reap.dismiss();
    return VmProcess{pid, identity.start_time, {}, "", {.vcpus = 2, .ram_mib = 1024}, {}};
}

}  // namespace krun::runtime
