// SPDX-License-Identifier: Apache-2.0
// linux_boot_probe VMLINUX [VCPUS [MORE-COMMAND-LINE]]: boots a Linux kernel with a console and an entropy
// device, prints its console and how it ended, and what the boot cost. With no root to mount, a healthy
// kernel panics, and panics end in a triple fault.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/fd.h"
#include "vmm/machine.h"

namespace {

constexpr int kTimeoutMs = 120'000;

int complain(krun::Error const& error) {
    std::fprintf(stderr, "linux_boot_probe: %s\n", error.message().c_str());
    return 1;
}

krun::Result<krun::vmm::MachineSpec> make_spec(int argc, char** argv) {
    krun::vmm::MachineSpec spec;
    spec.kernel_name = argv[1];
    spec.kernel = TRY(krun::open_path(argv[1], O_RDONLY));
    spec.kvm = TRY(krun::open_path("/dev/kvm", O_RDWR));
    spec.vcpus = argc > 2 ? static_cast<uint32_t>(std::atoi(argv[2])) : 1;
    spec.ram_bytes = uint64_t{256} << 20;
    spec.cmdline = argc > 3 ? argv[3] : "";
    spec.console.push_back({"", [](std::span<std::byte const> bytes) {
                                if (::write(1, bytes.data(), bytes.size()) < 0) std::abort();
                            }});
    return spec;
}

int boot(krun::vmm::MachineSpec spec) {
    auto const begin = std::chrono::steady_clock::now();
    auto made = krun::vmm::Machine::make(std::move(spec));
    if (!made.ok()) return complain(made.error());
    auto const machine = std::move(made).value();
    if (auto const started = machine->start(); !started.ok()) return complain(started.error());
    pollfd ended{machine->ended_event().raw(), POLLIN, 0};
    ::poll(&ended, 1, kTimeoutMs);
    auto const reason = machine->end_reason();
    machine->stop();
    auto const ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin)
            .count();
    std::printf("\nend: %s after %lld ms, %llu exits\n", reason ? reason->text.c_str() : "none, stopped",
                static_cast<long long>(ms), static_cast<unsigned long long>(machine->userspace_exits()));
    return reason && reason->kind == krun::vmm::EndKind::kShutdown ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: linux_boot_probe VMLINUX [VCPUS [MORE-COMMAND-LINE]]\n");
        return 2;
    }
    auto spec = make_spec(argc, argv);
    if (!spec.ok()) return complain(spec.error());
    return boot(std::move(spec).value());
}
