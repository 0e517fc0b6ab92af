// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/process_identity.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "base/strings.h"

namespace krun::runtime {
namespace {

constexpr size_t kMaxStatBytes = 4096;

struct Stat {
    char state;
    uint64_t flags;
    uint64_t start_time;
};

// proc(5): "PID (COMM) STATE …", start time in field 22. COMM may hold spaces and ')', so count from the
// last.
std::optional<Stat> read_stat(pid_t pid) {
    auto const text = read_file("/proc/" + std::to_string(pid) + "/stat", kMaxStatBytes);
    if (!text.ok()) return std::nullopt;
    auto const name_end = text.value().rfind(") ");
    if (name_end == std::string::npos) return std::nullopt;
    auto const fields = split(std::string_view(text.value()).substr(name_end + 2), ' ');
    constexpr size_t kFlags = 9 - 3;  // the first field here is the third of the line
    constexpr size_t kStartTime = 22 - 3;
    if (fields.size() <= kStartTime || fields[0].size() != 1) return std::nullopt;
    auto const flags = parse_uint64(fields[kFlags]);
    auto const start_time = parse_uint64(fields[kStartTime]);
    if (!flags || !start_time) return std::nullopt;
    return Stat{fields[0][0], *flags, *start_time};
}

// A zombie has ended; only its exit status waits (X: being reaped at this moment).
bool has_ended(Stat const& stat) {
    return stat.state == 'Z' || stat.state == 'X';
}

Result<std::string> boot_id() {
    auto text = TRY_WITH(read_file("/proc/sys/kernel/random/boot_id", 64), "identify this boot");
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

}  // namespace

Result<ProcessIdentity> identify(pid_t pid) {
    auto const stat = read_stat(pid);
    if (!stat || has_ended(*stat)) return fail(Error(Errc::kNotFound, "no process " + std::to_string(pid)));
    return identify(pid, stat->start_time);
}

Result<ProcessIdentity> identify(pid_t pid, uint64_t start_time) {
    return ProcessIdentity {
        pid, start_time, TRY(boot_id())
    };
}

bool is_alive(ProcessIdentity const& process) {
    if (process.pid <= 0) return false;
    auto const stat = read_stat(process.pid);
    if (!stat || has_ended(*stat) || stat->start_time != process.start_time) return false;
    auto const boot = boot_id();
    return boot.ok() && boot.value() == process.boot_id;
}

bool is_kernel_thread(pid_t pid) {
    constexpr uint64_t kKernelThread = 0x0020'0000;  // PF_KTHREAD of the kernel's <linux/sched.h>
    auto const stat = read_stat(pid);
    return stat && (stat->flags & kKernelThread) != 0;
}

std::optional<UniqueFd> open_process(ProcessIdentity const& process) {
    if (process.pid <= 0) return std::nullopt;
    // The pidfd is opened first: what is alive under this number afterwards is what the pidfd names.
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
    if (!pidfd.valid() || !is_alive(process)) return std::nullopt;
    return pidfd;
}

Result<void> send_signal(BorrowedFd pidfd, int signal) {
    if (::syscall(SYS_pidfd_send_signal, pidfd.raw(), signal, nullptr, 0) < 0 && errno != ESRCH)
        return fail(Error::sys("signal the container process"));
    return {};
}

Result<bool> wait_for_end(BorrowedFd pidfd, int timeout_ms) {
    pollfd entry{pidfd.raw(), POLLIN, 0};
    int n = 0;
    do {
        n = ::poll(&entry, 1, timeout_ms);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return fail(Error::sys("wait for the container process"));
    return n > 0;
}

}  // namespace krun::runtime
