// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/kernel_image.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/fd.h"
#include "runtime/host/installed_file.h"
#include "vmm/boot/kernel.h"
#include "vmm/boot/kernel_config.h"

namespace krun::runtime {
namespace {

// Not "no such file or directory": engines read those words as a missing program of the container.
Error missing(std::string const& path, int error_number) {
    return Error(Errc::kSystem, "guest kernel " + path + " cannot be opened (" +
                                    std::string(strerrorname_np(error_number)) +
                                    "); set KRUN_OCI_KERNEL or install one");
}

Result<KernelImage> open_image(std::string const& path) {
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!file.valid()) return fail(missing(path, errno));
    if (vmm::kernel_format(file.borrow()) == nullptr)
        return fail(Error(Errc::kUnsupported,
                          "guest kernel " + path + ": expected one of: " + vmm::known_kernel_formats()));
    return KernelImage{std::move(file), path};
}

struct NeededDriver {
    std::string_view device;  // the beginning of its name, or empty: all need it
    std::string_view option;
};
constexpr NeededDriver kNeeded[] = {
    {"", "CONFIG_VIRTIO_MMIO"},          {"", "CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES"},
    {"fs", "CONFIG_VIRTIO_FS"},          {"", "CONFIG_FUSE_FS"},
    {"vsock", "CONFIG_VIRTIO_VSOCKETS"}, {"console", "CONFIG_VIRTIO_CONSOLE"},
};

std::string lacking_by_config(std::string_view config) {
    for (auto const& driver : kNeeded)
        if (vmm::is_not_built_in(config, driver.option)) return "has no " + std::string(driver.option);
    return {};
}

// The bus acknowledges every device that it finds; a driver for it goes on from there (virtio-v1.2 §3.1.1).
std::string lacking_by_devices(std::span<vmm::DeviceState const> devices) {
    constexpr uint32_t kAcknowledged = 1;
    bool found = devices.empty();
    for (auto const& device : devices) found |= device.seen_status != 0;
    if (!found)
        return "looked for none of its devices: it has no CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES, or stopped "
               "before";
    for (auto const& driver : kNeeded)
        for (auto const& device : devices)
            if (!driver.device.empty() && device.name.starts_with(driver.device) &&
                device.seen_status == kAcknowledged)
                return "has no driver for " + device.name + ": no " + std::string(driver.option);
    return {};
}

std::string lacking_by_words(std::string_view console) {
    if (console.find("Unable to mount root fs") != console.npos) return "could not mount its virtio-fs root";
    if (console.find("No working init found") != console.npos ||
        console.find("Requested init") != console.npos)
        return "could not run init";
    return {};
}

}  // namespace

Result<KernelImage> open_kernel(std::string const& wanted) {
    if (!wanted.empty()) return open_image(wanted);
    char const* const named = ::getenv("KRUN_OCI_KERNEL");
    if (named != nullptr && *named != '\0') return open_image(named);
    auto const places = installed_places("vmlinux");
    for (auto const& place : places)
        if (::access(place.c_str(), F_OK) == 0) return open_image(place);
    return fail(missing(places.size() > 1 ? places[places.size() - 2] : places.front(), ENOENT));
}

std::string diagnose_kernel(std::string const& name, BorrowedFd image,
                            std::span<vmm::DeviceState const> devices, std::string_view console) {
    auto const config = vmm::embedded_config(image);
    std::string text = config ? lacking_by_config(*config) : std::string();
    if (text.empty()) text = lacking_by_devices(devices);
    if (text.empty()) text = lacking_by_words(console);
    return text.empty() ? text : "the guest kernel " + name + " " + text;
}

}  // namespace krun::runtime
