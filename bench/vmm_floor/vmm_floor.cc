// SPDX-License-Identifier: Apache-2.0
// vmm_floor GUEST: the least that a process with our VMM in it can do: build a machine with an entropy
// device, run a guest that ends itself at once, and leave. What vmm_floor_bench times.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>

#include "base/fd.h"
#include "vmm/machine.h"
#include "vmm/reaper.h"

namespace {

using namespace krun;

Result<bool> run(char const* guest) {
    vmm::MachineSpec spec;
    spec.kernel_name = guest;
    spec.kernel = TRY(open_path(guest, O_RDONLY));
    spec.kvm = TRY(open_path("/dev/kvm", O_RDWR));
    spec.ram_bytes = uint64_t{256} << 20;
    auto const machine = TRY(vmm::Machine::make(std::move(spec)));
    TRY(machine->start());
    pollfd ended{machine->ended_event().raw(), POLLIN, 0};
    ::poll(&ended, 1, -1);
    machine->stop();
    bool const as_expected = machine->end_reason()->kind == vmm::EndKind::kShutdown;
    vmm::leave_vm_teardown_to_a_reaper(machine->vm_descriptors());
    ::_exit(as_expected ? 0 : 1);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    auto const result = run(argv[1]);
    if (!result.ok()) std::fprintf(stderr, "vmm_floor: %s\n", result.error().message().c_str());
    return 1;
}
