// SPDX-License-Identifier: Apache-2.0
#include <asm/bootparam.h>
#include <sys/random.h>

#include <array>

#include "base/bytes.h"
#include "base/check.h"
#include "vmm/arch/x86_64/setup.h"
#include "vmm/memory/layout.h"

namespace krun::vmm::x86_64 {
namespace {

constexpr uint32_t kE820Ram = 1, kE820Reserved = 2;
constexpr size_t kSeedBytes = 32;  // what Linux's generator needs to be ready at once

void add_range(boot_params& params, uint64_t begin, uint64_t end, uint32_t type) {
    auto& entry = params.e820_table[params.e820_entries++];
    entry.addr = begin;
    entry.size = end - begin;
    entry.type = type;
}

void fill_e820(boot_params& params, GuestMemory const& ram) {
    add_range(params, 0, layout::kLowRamEnd, kE820Ram);
    add_range(params, layout::kLowRamEnd, layout::kHighRamBegin, kE820Reserved);
    for (auto const& region : ram.regions()) {
        uint64_t const begin = std::max(raw(region.base), layout::kHighRamBegin);
        add_range(params, begin, raw(region.base) + region.host.bytes().size(), kE820Ram);
    }
}

// boot.rst, setup_data of type SETUP_RNG_SEED: mixed into the generator and credited; wiped by the guest.
Result<std::vector<std::byte>> seed() {
    std::array<std::byte, kSeedBytes> entropy;
    if (::getrandom(entropy.data(), entropy.size(), 0) != static_cast<ssize_t>(entropy.size()))
        return fail(Error::sys("get entropy for the guest"));
    auto out = ByteWriter()
                   .put(uint64_t{0})  // no next element
                   .put(uint32_t{SETUP_RNG_SEED})
                   .put(static_cast<uint32_t>(entropy.size()))
                   .put_bytes(entropy);
    return std::move(out).take();
}

// What a bzImage would say of itself, where the kernel has none.
setup_header plain_header() {
    setup_header header{};
    header.boot_flag = 0xaa55;
    header.header = 0x53726448;  // "HdrS"
    header.version = 0x20f;
    return header;
}

Result<void, GuestFault> write_at(GuestMemory const& ram, GuestAddr at, std::span<std::byte const> bytes) {
    auto const slice = TRY(ram.slice(at, bytes.size()));
    return slice.write_bytes(0, bytes);
}

}  // namespace

Result<void> write_boot_params(GuestMemory const& ram, std::string const& cmdline,
                               std::optional<setup_header> const& header,
                               std::optional<GuestRange> const& initrd) {
    KRUN_CHECK(cmdline.size() < layout::kCmdlineMaxBytes, "the command line was bounded by its builder");
    boot_params params{};
    params.hdr = header ? *header : plain_header();
    params.hdr.type_of_loader = 0xff;  // unassigned
    params.hdr.loadflags = LOADED_HIGH;
    params.hdr.ramdisk_image = initrd ? static_cast<uint32_t>(raw(initrd->base)) : 0;
    params.hdr.ramdisk_size = initrd ? static_cast<uint32_t>(initrd->len_bytes) : 0;
    params.hdr.cmd_line_ptr = static_cast<uint32_t>(raw(layout::kCmdline));
    params.hdr.cmdline_size = static_cast<uint32_t>(cmdline.size());
    params.hdr.setup_data = raw(layout::kRngSeed);
    fill_e820(params, ram);

    auto const entropy = TRY(seed());
    auto const text = std::as_bytes(std::span(cmdline.c_str(), cmdline.size() + 1));
    if (!write_at(ram, layout::kBootParams, std::as_bytes(std::span(&params, 1))).ok() ||
        !write_at(ram, layout::kRngSeed, entropy).ok() || !write_at(ram, layout::kCmdline, text).ok())
        return fail(Error(Errc::kInternal, "no RAM for the boot parameters"));
    return {};
}

}  // namespace krun::vmm::x86_64
