// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/hooks.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "runtime/host/process_identity.h"

namespace krun::runtime {
namespace {

// A list of C strings over `texts`, ended by nullptr, as execve() takes it.
std::vector<char*> pointers_to(std::vector<std::string> const& texts) {
    std::vector<char*> out;
    out.reserve(texts.size() + 1);
    for (auto const& text : texts) out.push_back(const_cast<char*>(text.c_str()));
    out.push_back(nullptr);
    return out;
}

struct Streams {
    UniqueFd input;      // the state
    UniqueFd nowhere;    // stdout: what a command prints belongs to its caller, who parses it
    UniqueFd complaint;  // stderr, of which an error quotes the beginning
};

// Files, not pipes: a hook that does not read cannot block us, nor one that leaves a daemon behind.
Result<Streams> make_streams(std::string const& state_json) {
    Streams streams;
    streams.input = TRY(make_memfd("state", 0));
    streams.nowhere = TRY(open_path("/dev/null", O_WRONLY));
    streams.complaint = TRY(make_memfd("hook-stderr", 0));
    TRY(write_full(streams.input.borrow(), state_json));
    if (::lseek(streams.input.borrow().raw(), 0, SEEK_SET) < 0)
        return fail(Error::sys("rewind a hook's input"));
    return streams;
}

// Some of a process's namespaces; entering them may need privileges, so that those we are in are left out.
struct NamespacesOf {
    UniqueFd process;  // a pidfd
    int kinds = 0;     // CLONE_NEW…; 0: none
};

Result<NamespacesOf> other_namespaces(pid_t pid) {
    constexpr std::pair<char const*, int> kKinds[] = {
        {"net", CLONE_NEWNET}, {"ipc", CLONE_NEWIPC}, {"uts", CLONE_NEWUTS}};
    NamespacesOf out;
    out.process = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!out.process.valid()) return fail(Error::sys("find the container process"));
    for (auto const& [name, flag] : kKinds) {
        struct stat ours {
        }, theirs{};
        std::string const of = "/ns/" + std::string(name);
        if (::stat(("/proc/self" + of).c_str(), &ours) < 0 ||
            ::stat(("/proc/" + std::to_string(pid) + of).c_str(), &theirs) < 0)
            return fail(Error::sys("look at the container's namespaces"));
        if (ours.st_ino != theirs.st_ino) out.kinds |= flag;
    }
    return out;
}

// In the child: only async-signal-safe calls.
[[noreturn]] void exec_hook(char const* path, char* const* args, char* const* env, char const* directory,
                            Streams const& streams, NamespacesOf const& namespaces) {
    for (int const signal : {SIGPIPE, SIGXFSZ}) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    bool const placed = ::chdir(directory) == 0 && ::dup2(streams.input.borrow().raw(), 0) == 0 &&
                        ::dup2(streams.nowhere.borrow().raw(), 1) == 1 &&
                        ::dup2(streams.complaint.borrow().raw(), 2) == 2;
    bool const entered =
        namespaces.kinds == 0 || ::setns(namespaces.process.borrow().raw(), namespaces.kinds) == 0;
    if (placed && entered) ::execve(path, args, env);
    ::_exit(127);
}

// ": " and the first line that the hook wrote to stderr, or nothing.
std::string complaint_of(Streams const& streams) {
    std::array<char, 256> text{};
    ssize_t const n = ::pread(streams.complaint.borrow().raw(), text.data(), text.size(), 0);
    std::string_view const line(text.data(), n > 0 ? static_cast<size_t>(n) : 0);
    return line.empty() ? "" : ": " + std::string(line.substr(0, line.find('\n')));
}

// Waits for the hook, and ends it when it takes longer than `timeout_ms` (-1: for ever).
Result<void> wait_for_hook(pid_t pid, int timeout_ms) {
    UniqueFd const pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    bool const in_time = pidfd.valid() && TRY(wait_for_end(pidfd.borrow(), timeout_ms));
    if (!in_time) ::kill(pid, SIGKILL);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!in_time) return fail(Error(Errc::kSystem, "it did not end in time"));
    if (WIFSIGNALED(status))
        return fail(Error(Errc::kSystem, "it died by signal " + std::to_string(WTERMSIG(status))));
    if (WEXITSTATUS(status) == 0) return {};
    return fail(Error(Errc::kSystem, "its exit status is " + std::to_string(WEXITSTATUS(status))));
}

Result<void> run_hook(oci::Hook const& hook, std::string const& state_json, std::string const& directory,
                      pid_t container) {
    auto const streams = TRY(make_streams(state_json));
    std::vector<std::string> const path_only = {hook.path};
    auto args = pointers_to(hook.args.empty() ? path_only : hook.args);
    std::vector<std::string> const no_env;
    auto env = pointers_to(hook.env ? *hook.env : no_env);
    char* const* const env_of_hook = hook.env ? env.data() : environ;
    NamespacesOf namespaces;
    if (container != 0) namespaces = TRY(other_namespaces(container));
    pid_t const pid = ::fork();
    if (pid < 0) return fail(Error::sys("fork"));
    if (pid == 0)
        exec_hook(hook.path.c_str(), args.data(), env_of_hook, directory.c_str(), streams, namespaces);
    // The specification's timeout is in seconds; more than three weeks is for ever.
    bool const limited = hook.timeout && *hook.timeout < 2'000'000;
    auto ended = wait_for_hook(pid, limited ? *hook.timeout * 1000 : -1);
    if (!ended.ok()) return fail(Error(Errc::kSystem, ended.error().message() + complaint_of(streams)));
    return ended;
}

}  // namespace

Result<void> run_hooks(char const* kind, std::vector<oci::Hook> const& hooks, std::string const& state_json,
                       std::string const& directory, pid_t container) {
    for (auto const& hook : hooks)
        TRY_WITH(run_hook(hook, state_json, directory, container), std::string(kind) + " hook " + hook.path);
    return {};
}

}  // namespace krun::runtime
