// SPDX-License-Identifier: Apache-2.0
#include "init/hooks.h"

#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "base/fd.h"
#include "init/exec.h"

namespace krun::init {
namespace {

constexpr int kCannotRun = 127;
constexpr size_t kShownOutputBytes = 1024;

[[noreturn]] void become_hook(guest::Hook const& hook, std::vector<std::string> const& payload_env,
                              BorrowedFd input, BorrowedFd output) {
    ::dup2(input.raw(), STDIN_FILENO);
    ::dup2(output.raw(), STDOUT_FILENO);
    ::dup2(output.raw(), STDERR_FILENO);
    // The descriptors passed on to the payload are open already.
    ::close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    // Without an environment of its own it has the payload's, as with runc.
    auto const failure = run_program(hook.path, hook.args.empty() ? std::vector{hook.path} : hook.args,
                                     hook.env ? *hook.env : payload_env);
    ignore(write_full(output, failure.text), "the exit code says it too");
    ::_exit(kCannotRun);
}

// True if it has ended in time.
Result<bool> wait_for_end(pid_t pid, uint32_t timeout_s) {
    if (timeout_s == 0) return true;
    UniqueFd const pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd.valid()) return fail(Error::sys("watch it"));
    pollfd watched{pidfd.borrow().raw(), POLLIN, 0};
    constexpr uint32_t kMaxSeconds = INT_MAX / 1000;
    int const ready = ::poll(&watched, 1, static_cast<int>(std::min(timeout_s, kMaxSeconds)) * 1000);
    return ready > 0;
}

std::string describe_end(int status, BorrowedFd output) {
    std::string text = WIFSIGNALED(status) ? "killed by signal " + std::to_string(WTERMSIG(status))
                                           : "exit status " + std::to_string(WEXITSTATUS(status));
    std::array<char, kShownOutputBytes> said;
    ssize_t n = ::pread(output.raw(), said.data(), said.size(), 0);
    while (n > 0 && said[static_cast<size_t>(n) - 1] == '\n') --n;
    if (n > 0) text.append(": ").append(said.data(), static_cast<size_t>(n));
    return text;
}

Result<void> run_hook(guest::Hook const& hook, std::vector<std::string> const& payload_env,
                      std::string const& state) {
    auto const input = TRY(make_memfd("state", 0));
    TRY(write_full(input.borrow(), state));
    ::lseek(input.borrow().raw(), 0, SEEK_SET);
    auto const output = TRY(make_memfd("hook", 0));
    pid_t const pid = ::fork();
    if (pid < 0) return fail(Error::sys("fork"));
    if (pid == 0) become_hook(hook, payload_env, input.borrow(), output.borrow());
    bool const in_time = TRY(wait_for_end(pid, hook.timeout));
    if (!in_time) ::kill(pid, SIGKILL);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!in_time)
        return fail(Error(Errc::kSystem, "took longer than " + std::to_string(hook.timeout) + " s"));
    if (status != 0) return fail(Error(Errc::kSystem, describe_end(status, output.borrow())));
    return {};
}

}  // namespace

Result<void> run_hooks(std::string_view kind, std::vector<guest::Hook> const& hooks,
                       std::vector<std::string> const& payload_env, std::string const& state) {
    for (size_t i = 0; i < hooks.size(); ++i)
        TRY_WITH(run_hook(hooks[i], payload_env, state), std::string(kind) + " hook #" + std::to_string(i));
    return {};
}

}  // namespace krun::init
