// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/kvm_device.h"

#include <cpuid.h>
#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace krun::runtime {

Result<UniqueFd> open_kvm() {
    UniqueFd kvm(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
    if (kvm.valid()) return kvm;
    switch (errno) {
        case ENOENT:
            return fail(Error(Errc::kSystem,
                              "this host has no /dev/kvm (ENOENT): enable virtualization in the firmware "
                              "and load kvm_intel or kvm_amd"));
        case EACCES:
        case EPERM:
            return fail(Error(Errc::kSystem, "this user may not use /dev/kvm (" +
                                                 std::string(strerrorname_np(errno)) +
                                                 "): add the user to the group that owns it, usually kvm"));
        case ENODEV:
        case ENXIO:
            return fail(Error(Errc::kSystem, "/dev/kvm has no driver (" +
                                                 std::string(strerrorname_np(errno)) +
                                                 "): load kvm_intel or kvm_amd"));
        default:
            return fail(Error::sys("open /dev/kvm"));
    }
}

bool cpu_has_virtualization() {
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    constexpr unsigned kVmx = 1U << 5;  // CPUID.1:ECX
    constexpr unsigned kSvm = 1U << 2;  // CPUID.80000001h:ECX
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kVmx) != 0) return true;
    return __get_cpuid(0x80000001U, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kSvm) != 0;
}

}  // namespace krun::runtime
