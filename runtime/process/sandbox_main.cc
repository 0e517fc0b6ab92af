// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/sandbox_main.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "base/event_loop.h"
#include "base/fd.h"
#include "base/signal_action.h"
#include "runtime/control/control_server.h"
#include "runtime/exec/relayed_signals.h"
#include "runtime/isolation/container_root.h"
#include "runtime/isolation/privileges.h"
#include "runtime/process/creation_report.h"

namespace krun::runtime {
namespace {

class Sandbox {
public:
    Sandbox(EventLoop loop, RelayedSignals signals) : loop_(std::move(loop)), signals_(std::move(signals)) {}

    Result<void> serve(UniqueFd listener) {
        server_ = TRY(ControlServer::make(loop_, std::move(listener),
                                          [this](ControlRequest const& request, ControlConnection client) {
                                              client.reply(answer(request));
                                          }));
        return loop_.add(signals_.fd(), EPOLLIN, [this](uint32_t) {
            while (auto const signal = signals_.next()) meet(*signal);
        });
    }
    int run() { return loop_.run().ok() ? status_ : 255; }

private:
    Result<void> answer(ControlRequest const& request) {
        switch (request.op) {
            case ControlOp::kStart:
                if (started_)
                    return fail(Error(Errc::kBadState, "cannot start an already running container"));
                started_ = true;
                return {};
            case ControlOp::kSignal:
            case ControlOp::kSignalAll:
                if (request.argument < 1 || request.argument > 64)
                    return fail(Error(Errc::kInvalidConfig, "no such signal"));
                meet(static_cast<int>(request.argument));
                return {};
            case ControlOp::kResize:
                return {};
            default:
                return fail(Error(Errc::kUnsupported, "a sandbox container has no machine to do that in"));
        }
    }
    void meet(int signal) {
        if (!ends_a_process(signal)) return;
        status_ = started_ && (signal == SIGTERM || signal == SIGINT) ? 0 : 128 + signal;
        loop_.stop();
    }

    EventLoop loop_;
    RelayedSignals signals_;
    std::unique_ptr<ControlServer> server_;
    bool started_ = false;
    int status_ = 255;
};

Result<void> give_up_streams(BorrowedFd dev_null) {
    for (int const fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::dup2(dev_null.raw(), fd) < 0) return fail(Error::sys("give up a stream"));
    return {};
}

Result<std::unique_ptr<Sandbox>> set_up(SandboxTask& task) {
    ::setsid();
    ::prctl(PR_SET_NAME, "krun-oci");
    TRY(give_up_streams(task.dev_null.borrow()));
    auto const root = TRY_WITH(detach_tree(task.rootfs.borrow(), true), "rootfs");
    task.rootfs.reset();
    TRY(enter_namespaces(task.namespaces));
    task.namespaces.join.clear();
    TRY(enter_container_root(root.borrow()));
    TRY(drop_privileges());
    auto loop = TRY(EventLoop::make());
    auto signals = TRY(RelayedSignals::block());
    auto sandbox = std::make_unique<Sandbox>(std::move(loop), std::move(signals));
    TRY(sandbox->serve(std::move(task.control_listener)));
    return sandbox;
}

}  // namespace

Result<SandboxTask> prepare_sandbox(VmRequest const& request) {
    auto const& path = request.spec.root.path;
    auto const place = path.starts_with('/') ? path : request.bundle + "/" + path;
    SandboxTask task;
    task.rootfs = TRY_WITH(open_path(place, O_PATH | O_DIRECTORY), "root.path");
    task.namespaces = TRY(plan_namespaces(request.spec));
    task.dev_null = TRY(open_path("/dev/null", O_RDWR));
    task.control_listener = TRY(bind_control_socket(request.state_dir));
    return task;
}

void sandbox_main(SandboxTask task) {
    auto sandbox = set_up(task);
    if (!sandbox.ok()) {
        send_creation_report(task.report.borrow(), fail(std::move(sandbox).error()), {});
        ::_exit(255);
    }
    send_creation_report(task.report.borrow(), {}, {});
    task.report.reset();
    ::_exit(sandbox.value()->run());
}

}  // namespace krun::runtime
