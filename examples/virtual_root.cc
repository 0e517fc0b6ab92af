// SPDX-License-Identifier: Apache-2.0
// virtual_root KERNEL PROGRAM: boots a machine whose file system exists in this process's memory only, with
// PROGRAM (static) as its PID 1, prints what the guest says, and ends with it. All it takes to embed the file
// server and the VMM: `fs/` and `vmm/`. The guest's half is virtual_root_guest.cc.
//
//   /init       PROGRAM, which can be opened once and is then gone
//   /greeting   bytes of ours, not copied
//   /now        computed each time it is opened
//   /answer     whatever the guest writes there arrives here
//   /dev        an empty directory for the guest's own mount
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "fs/null/null_fs.h"
#include "fs/overlay/overlay_fs.h"
#include "fs/server.h"
#include "vmm/machine.h"

namespace {

using namespace krun;

constexpr size_t kMaxProgramBytes = size_t{64} << 20;
constexpr std::string_view kGreeting = "hello from the host\n";

// Runs on the file share's thread, like all callbacks of a file system.
fs::FsResult<fs::Content> count_opens() {
    static std::atomic<int> opens{0};
    return fs::Content::owned("opened " + std::to_string(++opens) + " times\n");
}

fs::FsResult<size_t> print_answer(uint64_t, std::span<std::byte const> bytes) {
    std::printf("the guest wrote: %.*s", static_cast<int>(bytes.size()),
                reinterpret_cast<char const*>(bytes.data()));
    return bytes.size();
}

fs::FsResult<fs::Content> no_answer_yet() {
    return fail(Errno{EAGAIN});
}

Result<std::unique_ptr<fs::FileSystem>> make_root(std::string const& program) {
    fs::NodeIds ids;
    // Overlay lays names over any file system: here over one that has nothing but its root.
    auto root = std::make_unique<fs::OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
    auto const bytes = TRY(read_file(program, kMaxProgramBytes));
    TRY(root->add_file("/init", 0500, fs::Content::owned(bytes), fs::Lifetime::kOneShot));
    TRY(root->add_file("/greeting", 0444, fs::Content::borrowed(std::as_bytes(std::span(kGreeting)))));
    TRY(root->add_generated_file("/now", 0444, count_opens));
    TRY(root->add_writable_file("/answer", 0600, {no_answer_yet, print_answer}));
    TRY(root->add_dir("/dev", 0755));
    return std::unique_ptr<fs::FileSystem>(std::move(root));
}

Result<vmm::EndReason> run(char const* kernel, char const* program) {
    vmm::MachineSpec spec;
    spec.kernel = TRY(open_path(kernel, O_RDONLY));
    spec.kernel_name = kernel;
    spec.kvm = TRY(open_path("/dev/kvm", O_RDWR));
    spec.ram_bytes = uint64_t{128} << 20;
    spec.cmdline = "root=virtual rootfstype=virtiofs rw init=/init";
    spec.console.push_back(
        {"", [](std::span<std::byte const> bytes) { std::fwrite(bytes.data(), 1, bytes.size(), stdout); }});
    spec.shares.push_back({ "virtual", std::make_shared<fs::Server>(TRY(make_root(program))) });

    auto const machine = TRY(vmm::Machine::make(std::move(spec)));
    TRY(machine->start());
    pollfd ended{machine->ended_event().raw(), POLLIN, 0};
    while (::poll(&ended, 1, -1) != 1) {
    }
    machine->stop();
    return *machine->end_reason();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: virtual_root KERNEL PROGRAM\n");
        return 2;
    }
    auto const end = run(argv[1], argv[2]);
    if (!end.ok()) {
        std::fprintf(stderr, "virtual_root: %s\n", end.error().message().c_str());
        return 1;
    }
    std::printf("the machine ended: %s\n", end.value().text.c_str());
    return end.value().kind == vmm::EndKind::kShutdown ? 0 : 1;
}
