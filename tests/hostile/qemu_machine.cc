// SPDX-License-Identifier: Apache-2.0
#include "tests/hostile/qemu_machine.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <map>

#include "base/fd.h"
#include "tests/support/guest_driver.h"

namespace krun::vmm {
namespace {

constexpr char kQemu[] = "/usr/bin/qemu-system-x86_64";
// More than any case takes: of the emulator's processor time, as others may be busy too, and of the clock, as
// a machine that waits uses none.
constexpr time_t kSilenceWorkedSeconds = 60;
constexpr int kSilenceSeconds = 180;
constexpr int kDoneStatus = 33;  // guest/qemu_main.c
constexpr uint64_t kDiskBytes = 1 << 20;

// The disk is descriptor 3.
std::vector<char const*> arguments(char const* first_case) {
    return {kQemu, "-M", "microvm,accel=tcg,rtc=off,isa-serial=off", "-nodefaults", "-no-user-config",
            "-display", "none", "-no-reboot", "-m", "64M", "-kernel", KRUN_HOSTILE_PVH_GUEST, "-append",
            first_case, "-global", "virtio-mmio.force-legacy=false",
            // What the guest says, and its end.
            "-chardev", "stdio,id=said", "-device", "isa-debugcon,iobase=0x402,chardev=said", "-device",
            "isa-debug-exit,iobase=0xf4",
            // As in our machine, but for frames, which nobody gives back.
            "-device", "virtio-rng-device", "-device", "virtio-serial-device", "-chardev", "null,id=none",
            "-device", "virtconsole,chardev=none", "-drive",
            "file=/proc/self/fd/3,if=none,id=disk,format=raw,file.locking=off", "-device",
            "virtio-blk-device,drive=disk", "-device", "virtio-balloon-device,free-page-reporting=on",
            "-netdev", "user,id=net,restrict=on", "-device", "virtio-net-device,netdev=net", nullptr};
}

[[noreturn]] void become_qemu(uint32_t first, UniqueFd const& said) {
    auto const disk = must(make_memfd("disk", kDiskBytes));
    auto const nothing = must(open_path("/dev/null", O_RDWR));
    ::dup2(nothing.borrow().raw(), 0);
    ::dup2(said.borrow().raw(), 1);
    ::dup2(nothing.borrow().raw(), 2);
    int const kept = ::fcntl(disk.borrow().raw(), F_DUPFD, 10);
    ::dup2(kept, 3);
    auto const text = std::to_string(first);
    auto const words = arguments(text.c_str());
    ::execv(kQemu, const_cast<char* const*>(words.data()));
    ::_exit(127);
}

struct Turn {
    std::string letters;
    bool hung = false;
    bool done = false;
};

time_t seconds_worked(clockid_t clock) {
    timespec worked{};
    ::clock_gettime(clock, &worked);
    return worked.tv_sec;
}

// False when nothing comes for too long.
bool says_more(pollfd& said, clockid_t clock) {
    time_t const before = seconds_worked(clock);
    for (int second = 0; second < kSilenceSeconds; ++second) {
        if (::poll(&said, 1, 1'000) != 0) return true;
        if (seconds_worked(clock) - before >= kSilenceWorkedSeconds) return false;
    }
    return false;
}

Turn run_from(uint32_t first) {
    auto [said, saying] = must(make_pipe());
    pid_t const child = ::fork();
    if (child == 0) become_qemu(first, saying);
    saying.reset();
    Turn turn;
    clockid_t clock{};
    ::clock_getcpuclockid(child, &clock);
    char letter = 0;
    for (;;) {
        pollfd fd{said.borrow().raw(), POLLIN, 0};
        turn.hung = !says_more(fd, clock);
        if (turn.hung) ::kill(child, SIGKILL);
        if (turn.hung || ::read(said.borrow().raw(), &letter, 1) != 1) break;
        turn.letters += letter;
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    turn.done = WIFEXITED(status) && WEXITSTATUS(status) == kDoneStatus;
    return turn;
}

}  // namespace

bool has_qemu() {
    return ::access(kQemu, X_OK) == 0;
}

std::vector<std::string> run_on_qemu(uint32_t count) {
    static std::map<char, char const*> const kWords{
        {'P', "PASS"}, {'R', "REJECT"}, {'W', "WEDGED"}, {'F', "FAIL"}, {'-', "none"}};
    std::vector<std::string> out;
    while (out.size() < count) {
        auto const turn = run_from(static_cast<uint32_t>(out.size()));
        for (char const letter : turn.letters) out.push_back(kWords.at(letter));
        if (!turn.done) out.push_back(turn.hung ? "HUNG" : "ENDED");
    }
    return out;
}

}  // namespace krun::vmm
