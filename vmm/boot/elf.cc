// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/elf.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "vmm/memory/layout.h"

namespace krun::vmm {
namespace {

constexpr uint16_t kMaxHeaders = 64;  // a Linux vmlinux has 5; bounds what we read

Result<Elf64_Ehdr> read_header(BorrowedFd file) {
    Elf64_Ehdr h;
    TRY(read_all(file, 0, std::as_writable_bytes(std::span(&h, 1))));
    if (!is_elf(std::as_bytes(std::span(&h, 1)))) return bad_kernel("no ELF file");
    if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB)
        return bad_kernel("not 64-bit little-endian");
    if (h.e_machine != EM_X86_64) return bad_kernel("not for x86-64");
    if (h.e_type != ET_EXEC && h.e_type != ET_DYN) return bad_kernel("not an executable");
    if (h.e_phentsize != sizeof(Elf64_Phdr)) return bad_kernel("program header size");
    if (h.e_phnum == 0 || h.e_phnum > kMaxHeaders) return bad_kernel("number of program headers");
    return h;
}

Result<Segment> checked_segment(GuestMemory const& ram, Elf64_Phdr const& p, uint64_t file_size) {
    auto const file_end = checked_add(p.p_offset, p.p_filesz);
    if (!file_end || *file_end > file_size) return bad_kernel("segment beyond the end of the file");
    if (p.p_filesz > p.p_memsz) return bad_kernel("segment larger in the file than in memory");
    if (p.p_paddr < layout::kHighRamBegin) return bad_kernel("segment below 1 MiB");
    if (!ram.slice(GuestAddr{p.p_paddr}, p.p_memsz).ok())
        return bad_kernel("segment outside the guest's RAM");
    return Segment{p.p_paddr, p.p_paddr + p.p_memsz, p.p_offset, p.p_filesz, (p.p_flags & PF_W) != 0};
}

Result<std::vector<Segment>> read_segments(GuestMemory const& ram, BorrowedFd file,
                                           Elf64_Ehdr const& header) {
    uint64_t const file_size = TRY(size_of(file));
    if (header.e_phoff > file_size) return bad_kernel("program headers beyond the end of the file");
    std::vector<Elf64_Phdr> headers(header.e_phnum);
    TRY(read_all(file, header.e_phoff, std::as_writable_bytes(std::span(headers))));
    std::vector<Segment> out;
    for (auto const& p : headers) {
        if (p.p_type != PT_LOAD || p.p_memsz == 0) continue;
        auto const segment = TRY(checked_segment(ram, p, file_size));
        for (auto const& other : out)
            if (segment.begin < other.end && other.begin < segment.end) return bad_kernel("segments overlap");
        out.push_back(segment);
    }
    return out;
}

}  // namespace

bool is_elf(KernelHead head) {
    return std::memcmp(head.data(), ELFMAG, SELFMAG) == 0;
}

Result<LoadedKernel> load_elf(GuestMemory& ram, BorrowedFd file) {
    auto const header = TRY(read_header(file));
    auto const segments = TRY(read_segments(ram, file, header));
    LoadedKernel kernel;
    kernel.entry = GuestAddr{header.e_entry};
    bool entry_loaded = false;
    for (auto const& s : segments) {
        entry_loaded |= header.e_entry >= s.begin && header.e_entry < s.end;
        kernel.end = std::max(kernel.end, s.end);
    }
    if (!entry_loaded) return bad_kernel("entry point outside its segments");
    for (auto const& s : segments) TRY(load_segment(ram, file, s));
    return kernel;
}

}  // namespace krun::vmm
