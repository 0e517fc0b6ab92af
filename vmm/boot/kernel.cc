// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/kernel.h"

#include <array>

#include "base/fd.h"
#include "vmm/boot/bzimage.h"
#include "vmm/boot/compressed.h"
#include "vmm/boot/elf.h"
#include "vmm/boot/krunfw.h"
#include "vmm/boot/segment.h"

namespace krun::vmm {
namespace {

struct Format {
    char const* name;
    bool (*recognises)(KernelHead head);
    // Exactly one of the two: either it can be loaded, or it unpacks to a file that can.
    Result<LoadedKernel> (*load)(GuestMemory& ram, BorrowedFd file);
    Result<UniqueFd> (*unpack)(BorrowedFd file);
};
constexpr Format kFormats[] = {
    {"a libkrunfw", is_shared_library, load_krunfw, nullptr},
    {"an ELF file", is_elf, load_elf, nullptr},
    {"a bzImage", is_bzimage, load_bzimage, nullptr},
    {"an image packed with gzip", is_gzip, nullptr, unpack_gzip},
    {"an image packed with zstd", is_zstd, nullptr, unpack_zstd},
};

Format const* find_format(BorrowedFd file) {
    std::array<std::byte, kKernelHeadBytes> bytes{};  // a shorter file is as if it went on with zeroes
    auto const n = read_some(file, 0, bytes);
    if (!n.ok()) return nullptr;
    for (auto const& format : kFormats)
        if (format.recognises(bytes)) return &format;
    return nullptr;
}

Failure<Error> unknown(Where where = Where::current()) {
    return fail(Error(Errc::kInvalidConfig,
                      "not a kernel we can load: expected one of: " + known_kernel_formats(), 0, where));
}

Result<LoadedKernel> load_unpacked(GuestMemory& ram, UniqueFd file) {
    auto const* const format = find_format(file.borrow());
    if (format == nullptr || format->load == nullptr) return unknown();
    auto kernel = TRY(format->load(ram, file.borrow()));
    kernel.image = std::move(file);
    return kernel;
}

}  // namespace

char const* kernel_format(BorrowedFd file) {
    auto const* const format = find_format(file);
    return format == nullptr ? nullptr : format->name;
}

std::string known_kernel_formats() {
    std::string out;
    for (auto const& format : kFormats) out += (out.empty() ? "" : ", ") + std::string(format.name);
    return out;
}

Result<LoadedKernel> load_kernel(GuestMemory& ram, BorrowedFd file) {
    auto const* const format = find_format(file);
    if (format == nullptr) return unknown();
    auto image = format->unpack != nullptr ? format->unpack(file) : duplicate(file);
    if (!image.ok()) return fail(std::move(image).error());
    return load_unpacked(ram, std::move(image).value());
}

}  // namespace krun::vmm
