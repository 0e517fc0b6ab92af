// SPDX-License-Identifier: Apache-2.0
// What a VM is made of: plain data and descriptors. Knows nothing of containers.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "fs/server.h"
#include "vmm/disk/disk.h"

namespace krun::vmm {

// The host's half of one vsock stream. Either descriptor may be invalid (nothing flows that way); for a
// socket both are duplicates of it. The device owns them from then on and closes each as soon as its
// direction has ended, so that whoever reads them sees end-of-file.
struct StreamEnds {
    UniqueFd to_guest;    // read here, sent to the guest
    UniqueFd from_guest;  // what the guest sends is written here
    // Held until the connection is over and the last byte the guest sent has been written: the write end of a
    // pipe whose reader learns of that by hang-up. May be invalid.
    UniqueFd done;
    // Nothing is read from to_guest before this is readable or hung up. May be invalid: then at once.
    UniqueFd gate{};
};

// A host port that the guest may connect to. `connect` runs on the vsock device's thread and must not
// block; an error refuses the connection (RST).
struct VsockPort {
    uint32_t port;
    bool one_shot;  // a second connection is refused for the VM's life, even after the first has ended
    std::function<Result<StreamEnds>()> connect;
};

struct Share {
    std::string tag;  // 1..36 bytes (virtio-v1.2 §5.11.4)
    std::shared_ptr<fs::Server> server;
};

struct DiskSpec {
    std::string serial;  // 1..20 bytes: what the guest knows it by
    std::unique_ptr<Disk> disk;
};

// `write` receives guest output in order on the console's thread and must not block.
struct ConsolePort {
    std::string name;  // empty for port 0, which is hvc0
    std::function<void(std::span<std::byte const>)> write;
};

// Told which rule the guest broke on which device, on the device's thread; must not block. At most a few
// times a device, whatever the guest does.
using GuestFaultSink = std::function<void(std::string_view device, std::string_view rule)>;

struct MachineSpec {
    uint32_t vcpus = 1;          // 1..64
    uint32_t network_slots = 0;  // for Machine::plug()
    uint64_t ram_bytes = 0;      // at least 64 MiB, a multiple of 1 MiB
    UniqueFd kvm;                // /dev/kvm, opened by the caller before it gives up its privileges
    UniqueFd kernel;             // in a form that vmm/boot/kernel.h knows
    std::string kernel_name;     // for messages
    std::string cmdline;         // appended to what the machine itself needs
    // The operator's own words for the kernel, last; they may not say anew what stands before them.
    std::vector<std::string> kernel_parameters;
    std::vector<ConsolePort> console;
    std::vector<Share> shares;
    std::vector<VsockPort> vsock_ports;
    std::vector<DiskSpec> disks;    // vda, vdb, … in the guest
    GuestFaultSink on_guest_fault;  // may be empty
    UniqueFd initrd;                // a regular file, or invalid
    bool rng = true;
    bool balloon = true;  // for Machine::plug_balloon()
    bool nested_virtualization =
        false;  // the guest's CPU has VMX or SVM; off, it has not, whatever the host's
    // Each thread may make the system calls of its role only, else SIGSYS is raised in it. Needs
    // no_new_privs. Off, the machine can be run by programs that do not know their own threads' calls.
    bool confine_threads = false;
};

}  // namespace krun::vmm
