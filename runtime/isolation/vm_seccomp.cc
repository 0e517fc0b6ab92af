// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolation/vm_seccomp.h"

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/log.h"
#include "runtime/state/end_reason.h"
#include "vmm/thread_syscalls.h"

namespace krun::runtime {
namespace {

using Test = SyscallRule::Test;
constexpr uint32_t kTerminalIoctl[] = {TCGETS, TIOCGWINSZ, TIOCSWINSZ};
constexpr uint32_t kFcntl[] = {F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_SETFL};
constexpr uint32_t kUnix[] = {AF_UNIX};
// The reaper of the VM (vmm/reaper.h), which is nobody's thread and no child with a signal.
constexpr uint32_t kReaperFlags[] = {CLONE_FILES | CLONE_VM};

constexpr SyscallRule kMain[] = {
    // Its sockets: the creator, clients, init.
    {SYS_accept4},
    {SYS_recvfrom},
    {SYS_recvmsg},
    {SYS_sendto},
    {SYS_sendmsg},
    {SYS_shutdown},
    {SYS_getsockopt},
    {SYS_socketpair, Test::kOneOf, 0, kUnix},
    {SYS_pipe2},
    {SYS_eventfd2},
    {SYS_poll},
    {SYS_timerfd_create},
    {SYS_timerfd_settime},
    {SYS_fcntl, Test::kOneOf, 1, kFcntl},
    {SYS_ioctl, Test::kOneOf, 1, kTerminalIoctl},
    // The end: its reason in the state directory, the kernel's file for a diagnosis, the reaper.
    {SYS_openat},
    {SYS_unlinkat},
    {SYS_renameat},
    {SYS_newfstatat},
    {SYS_fstat},
    {SYS_lseek},
    {SYS_pread64},
    {SYS_close_range},
    {SYS_clone, Test::kOneOf, 0, kReaperFlags},
    {SYS_pidfd_open},
};

// Only in a container that has a socket of the host's for a bind mount.
constexpr SyscallRule kConnecting[] = {
    {SYS_socket, Test::kOneOf, 0, kUnix},
    {SYS_connect},
    {SYS_fchdir},
};

constexpr int kFromSeccomp = 1;  // SYS_SECCOMP of <asm/siginfo.h>, which glibc's header does not tell

constinit std::atomic<int> reason_file = -1;  // kEndReasonName, for the signal handler

struct Line {
    std::array<char, 160> text;
    size_t used = 0;

    void put(std::string_view part) {
        part = part.substr(0, text.size() - used);
        std::memcpy(text.data() + used, part.data(), part.size());
        used += part.size();
    }
    void put(int number) {
        std::array<char, 16> digits;
        auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
        put(std::string_view(digits.data(), static_cast<size_t>(end - digits.data())));
    }
};

// Somebody sent it, and means the payload: it goes to the main thread, which reads its signals one by one and
// to that end has to block it. What that thread is refused after that kills without a word.
void pass_on(int signal, ucontext_t* context) {
    pid_t const process = ::getpid();  // the main thread's id, too
    if (::gettid() == process) ::sigaddset(&context->uc_sigmask, signal);
    ::tgkill(process, process, signal);
}

// Runs in the thread that was refused, which may hold any lock: async-signal-safe calls only, and of those
// only what every thread is allowed.
void refused(int signal, siginfo_t* info, void* context) {
    if (info->si_code != kFromSeccomp) return pass_on(signal, static_cast<ucontext_t*>(context));
    Line line;
    line.put("the container process's thread ");
    line.put(SyscallFilter::thread_name());
    line.put(" made system call ");
    line.put(info->si_syscall);
    line.put(", which its seccomp filter forbids");
    std::string_view const reason(line.text.data(), line.used);
    ignore(::write(reason_file, reason.data(), reason.size()), "the log has it, too");
    log_in_signal_handler(reason);
    ::_exit(255);
}

}  // namespace

void use_one_heap() {
    ::mallopt(M_ARENA_MAX, 1);
    // Its default, which else goes up with what was freed: large tables would not go back to the host.
    ::mallopt(M_MMAP_THRESHOLD, 128 << 10);
}

Result<void> end_at_forbidden_calls(BorrowedFd state_dir) {
    // Made now, because the handler can open nothing. Empty, it is no reason.
    auto file = TRY(open_at(state_dir, kEndReasonName, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    struct sigaction action {};
    action.sa_sigaction = refused;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    ::sigfillset(&action.sa_mask);
    if (::sigaction(SIGSYS, &action, nullptr) < 0) return fail(Error::sys("catch SIGSYS"));
    reason_file = file.release();
    return {};
}

Result<void> confine_main_thread(bool connects) {
    std::vector<SyscallRule> rules(std::begin(kMain), std::end(kMain));
    if (connects) rules.insert(rules.end(), std::begin(kConnecting), std::end(kConnecting));
    auto const filter = TRY(vmm::thread_filter("main", rules));
    return filter.install();
}

}  // namespace krun::runtime
