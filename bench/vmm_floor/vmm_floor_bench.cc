// SPDX-License-Identifier: Apache-2.0
// vmm_floor_bench VMM_FLOOR GUEST [ROUNDS]: exec to first guest instruction to reaped, for our VMM and for
// qemu-system-x86_64's leanest microvm with the same guest. The two alternate, so that noise hits both;
// medians are compared. Exit 1 if ours takes more than kBudget of QEMU's time. Needs /dev/kvm; without QEMU
// only ours is timed.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

extern char** environ;

namespace {

constexpr double kBudget = 0.06;  // SPECIFICATION.md
constexpr int kDefaultRounds = 15;

using Command = std::vector<std::string>;

// Milliseconds from spawn to reaped, if it ended by itself with status 0.
std::optional<double> time_of(Command const& command) {
    std::vector<char*> argv;
    for (auto const& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 3; ++fd) posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    auto const begin = std::chrono::steady_clock::now();
    pid_t pid = 0;
    int status = -1;
    bool const spawned = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ) == 0;
    if (spawned) ::waitpid(pid, &status, 0);
    std::chrono::duration<double, std::milli> const took = std::chrono::steady_clock::now() - begin;
    posix_spawn_file_actions_destroy(&actions);
    if (!spawned || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
    return took.count();
}

struct Series {
    char const* name;
    Command command;
    std::vector<double> ms;

    bool measure() {
        auto const took = time_of(command);
        if (took) ms.push_back(*took);
        return took.has_value();
    }
    double median() {
        std::sort(ms.begin(), ms.end());
        return ms[ms.size() / 2];
    }
    void print() {
        double const middle = median();
        std::printf("%-22s median %7.2f ms   best %7.2f   worst %7.2f   of %zu\n", name, middle, ms.front(),
                    ms.back(), ms.size());
    }
};

// A triple fault ends QEMU with status 0 under -no-reboot.
Command qemu_command(std::string const& guest) {
    return {"qemu-system-x86_64",
            "-M",
            "microvm,accel=kvm,acpi=off,pit=off,pic=off,rtc=off,isa-serial=off",
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-m",
            "256",
            "-smp",
            "1",
            "-no-reboot",
            "-kernel",
            guest};
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    int const rounds = argc > 3 ? std::atoi(argv[3]) : kDefaultRounds;
    Series ours{"krun-oci VMM", {argv[1], argv[2]}, {}};
    Series qemu{"QEMU microvm", qemu_command(argv[2]), {}};
    if (!ours.measure()) {
        std::printf("skipped: our machine does not run here (is /dev/kvm accessible?)\n");
        return 0;
    }
    bool const with_qemu = qemu.measure();
    ours.ms.clear();  // the first of each warmed the page cache
    qemu.ms.clear();
    for (int i = 0; i < rounds; ++i) {
        if (!ours.measure() || (with_qemu && !qemu.measure())) return 1;
    }
    ours.print();
    if (!with_qemu) return 0;
    qemu.print();
    double const ratio = ours.median() / qemu.median();
    std::printf("ratio %.3f, budget %.2f\n", ratio, kBudget);
    return ratio <= kBudget ? 0 : 1;
}
