// SPDX-License-Identifier: Apache-2.0
// krun-oci exec: run one more program in a container.
#include <fcntl.h>

#include <optional>

#include "base/fd.h"
#include "config-gen/write.h"
#include "runtime/cli/command_table.h"
#include "runtime/cli/creation_flags.h"
#include "runtime/cli/exec_flags.h"
#include "runtime/exec/console_socket.h"
#include "runtime/exec/exec_client.h"
#include "runtime/exec/exec_proxy.h"
#include "runtime/exec/raw_terminal.h"
#include "runtime/host/process_notice.h"
#include "runtime/host/socket_client.h"
#include "runtime/process/passed_fds.h"
#include "runtime/state/container.h"

namespace krun::runtime {
namespace {

// What a task needs on this side of it.
struct Stage {
    ExecTask task{};
    UniqueFd slave{};   // a second descriptor of the terminal, for its size
    UniqueFd master{};  // unless a console socket took it
};

// Without a size of its own, a foreground terminal has the caller's from the start.
TerminalSize wanted_size(guest::Process& process) {
    if (process.console_size) return {process.console_size->height, process.console_size->width};
    auto const callers = terminal_size(BorrowedFd(0));
    if (!callers.ok() || callers.value().rows == 0) return {};
    process.console_size = guest::ConsoleSize{callers.value().rows, callers.value().columns};
    return callers.value();
}

Result<Stage> stage_terminal(guest::Process& process, std::string const& console_socket) {
    auto terminal = TRY(open_terminal(wanted_size(process)));
    Stage stage {
        .task = {.terminal = true}, .slave = TRY(duplicate(terminal.slave.borrow()))
    };
    stage.task.streams.push_back(std::move(terminal.slave));
    if (console_socket.empty()) {
        stage.master = std::move(terminal.master);
        return stage;
    }
    auto const socket = TRY(connect_unix_stream("console socket", console_socket));
    TRY(send_terminal(socket.borrow(), terminal.master.borrow()));
    return stage;
}

Result<Stage> stage_stdio() {
    Stage stage;
    for (int const fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        stage.task.streams.push_back(TRY(duplicate(BorrowedFd(fd))));
    return stage;
}

Result<void> check_console(guest::Process const& process, bool socket, bool detached) {
    if (process.terminal && detached && !socket)
        return fail(Error(Errc::kInvalidConfig, "a terminal needs --console-socket with --detach"));
    if (socket && !process.terminal)
        return fail(Error(Errc::kInvalidConfig, "--console-socket is for a process with a terminal"));
    return {};
}

Result<Stage> stage_process(Options const& options, ExecConfig config) {
    std::string const console_socket = options.value("console-socket");
    TRY(check_console(config.process, !console_socket.empty(), options.on("detach")));
    auto passed = TRY(preserved_fds(options.value("preserve-fds")));
    auto stage =
        TRY(config.process.terminal ? stage_terminal(config.process, console_socket) : stage_stdio());
    for (auto& [description, fd] : passed) {
        config.process.passed_fds.push_back(description);
        stage.task.streams.push_back(std::move(fd));
    }
    stage.task.config = write_exec_config(config);
    return stage;
}

Outcome outcome_of(ExecEvent const& event) {
    if (event.kind == ExecEventKind::kFailed) {
        // 126 and 127 as a shell has them; whatever else kept the program from running is 255.
        bool const is_programs = event.code == 126 || event.code == 127;
        return {.status = is_programs ? static_cast<int>(event.code) : 255,
                .complaint = event.text,
                .log_complaint = true};
    }
    return {.status = static_cast<int>(event.signal != 0 ? 128 + event.signal : event.code)};
}

Result<Outcome> exec_detached(Container const& container, Stage stage, ProcessNotice const& notice) {
    auto cgroup = TRY(open_cgroup(Cgroup(container.record().cgroups)));
    auto const proxy = TRY(spawn_exec_proxy(container.dir().fd(), std::move(stage.task),
                                            std::move(stage.slave), std::move(cgroup)));
    if (proxy.event.kind != ExecEventKind::kStarted) return outcome_of(proxy.event);
    TRY(notice.give(proxy.pid));
    TRY(let_go(proxy));
    return Outcome{};
}

// An error in it makes the caller's exit end the process: its connection closes.
Result<Outcome> exec_foreground(Container const& container, Stage stage, ProcessNotice const& notice) {
    auto const signals = TRY(RelayedSignals::block());
    std::optional<TerminalRelay> relay;
    if (stage.master.valid()) relay = TRY(TerminalRelay::over(std::move(stage.master)));
    auto client = TRY(ExecClient::ask(container.dir().fd(), std::move(stage.task)));
    std::optional<RawTerminal> raw;
    if (relay) raw.emplace();
    auto const on_start = [&] { return notice.give(::getpid()); };
    auto const end = TRY(client.attend(signals, relay ? &*relay : nullptr, stage.slave.borrow(), on_start));
    return outcome_of(end);
}

Result<Outcome> exec(Globals const& globals, Options const& options) {
    auto const container = TRY(Container::open(globals.root, options.positionals()[0]));
    bool const waits_for_resume = options.on("ignore-paused") && container.state() == State::kPaused;
    if (!waits_for_resume) TRY(apply(Op::kExec, container.state(), container.dir().id()));
    auto const spec = TRY(container.spec());
    auto config = TRY(exec_config(options, spec));
    auto const notice = TRY(ProcessNotice::prepare(options.value("pid-file"), options.value("pidfd-socket")));
    auto stage = TRY(stage_process(options, std::move(config)));
    if (options.on("detach")) return exec_detached(container, std::move(stage), notice);
    return exec_foreground(container, std::move(stage), notice);
}

constexpr Flag kFlags[] = {kExecProcessFlag,
                           kExecTtyFlag,
                           {"detach", 'd', nullptr, "return once the program runs"},
                           {"pid-file", 0, "FILE", "where the number of the process for it is written"},
                           kPidfdSocketFlag,
                           kConsoleSocketFlag,
                           kExecUserFlag,
                           kExecGroupsFlag,
                           kExecCwdFlag,
                           kExecEnvFlag,
                           kExecCapFlag,
                           kExecNoNewPrivsFlag,
                           kExecCgroupFlag,
                           kPreserveFdsFlag,
                           {"ignore-paused", 0, nullptr, "of a paused container, wait until it goes on"},
                           // Labels are the host kernel's; the guest has none.
                           {"process-label", 0, "LABEL", "accepted, without effect"},
                           {"apparmor", 0, "PROFILE", "accepted, without effect"},
                           kHelpFlag};

}  // namespace

constinit Command const kExecCommand = {
    .name = "exec",
    .arguments = "ID [COMMAND [ARGUMENT...]]",
    .summary = "run one more program in a container",
    .min_positionals = 1,
    .max_positionals = SIZE_MAX,
    .positionals = Positionals::kStopAtFirst,
    .flags = kFlags,
    .run = exec,
    .failure_status = 255,  // clearly not the program's own
    .machine_failure_status = 255,
};

}  // namespace krun::runtime
