// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/fd.h"
#include "base/mapping.h"
#include "runtime/installed_file.h"

namespace krun::runtime {
namespace {

// Not "no such file or directory": engines read those words as a missing program of the container.
Error missing(std::string const& path, int error_number) {
    return Error(Errc::kSystem, "guest kernel " + path + " cannot be opened (" +
                                    std::string(strerrorname_np(error_number)) +
                                    "); set KRUN_OCI_KERNEL or install one");
}

Result<KernelImage> open_elf(std::string const& path) {
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!file.valid()) return fail(missing(path, errno));
    std::array<std::byte, 4> magic{};
    auto const n = read_full(file.borrow(), magic);
    if (!n.ok() || n.value() != magic.size() || std::memcmp(magic.data(), "\177ELF", 4) != 0)
        return fail(Error(Errc::kUnsupported,
                          "guest kernel " + path + ": expected an uncompressed ELF kernel (vmlinux)"));
    return KernelImage{std::move(file), path};
}

struct NeededDriver {
    std::string_view name_in_image;  // a string the driver's object always contains
    std::string_view option;
};
constexpr NeededDriver kNeeded[] = {
    {"virtio_mmio.device", "CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES"},
    {"fusectl", "CONFIG_FUSE_FS"},
    {"virtiofs", "CONFIG_VIRTIO_FS"},
    {"vmw_vsock_virtio_transport", "CONFIG_VIRTIO_VSOCKETS"},
    {"virtio_console", "CONFIG_VIRTIO_CONSOLE"},
};

bool contains(std::span<std::byte const> image, std::string_view needle) {
    return ::memmem(image.data(), image.size(), needle.data(), needle.size()) != nullptr;
}

}  // namespace

Result<KernelImage> open_kernel(std::string const& wanted) {
    if (!wanted.empty()) return open_elf(wanted);
    char const* const named = ::getenv("KRUN_OCI_KERNEL");
    if (named != nullptr && *named != '\0') return open_elf(named);
    auto const places = installed_places("vmlinux");
    for (auto const& place : places)
        if (::access(place.c_str(), F_OK) == 0) return open_elf(place);
    return fail(missing(places.size() > 1 ? places[places.size() - 2] : places.front(), ENOENT));
}

std::string diagnose_kernel(BorrowedFd kernel, std::string_view console) {
    struct stat info {};
    if (::fstat(kernel.raw(), &info) == 0 && info.st_size > 0) {
        auto image = Mapping::file_read_only(kernel, 0, static_cast<size_t>(info.st_size));
        if (image.ok()) {
            for (auto const& driver : kNeeded)
                if (!contains(image.value().bytes(), driver.name_in_image))
                    return "the guest kernel lacks " + std::string(driver.option);
        }
    }
    if (console.find("Unable to mount root fs") != console.npos)
        return "the guest kernel could not mount its virtio-fs root";
    if (console.find("No working init found") != console.npos ||
        console.find("Requested init") != console.npos)
        return "the guest kernel could not run init";
    return {};
}

}  // namespace krun::runtime
