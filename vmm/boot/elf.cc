// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/elf.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "vmm/memory/layout.h"

namespace krun::vmm {
namespace {

constexpr uint16_t kMaxHeaders = 64;  // a Linux vmlinux has 5; bounds what we read
constexpr uint64_t kPage = layout::kPage;

Failure<Error> bad(char const* rule, Where where = Where::current()) {
    return fail(Error(Errc::kInvalidConfig, std::string("not a kernel we can load: ") + rule, 0, where));
}

// Exactly `len` bytes from `offset` on.
Result<void> read_at(BorrowedFd file, uint64_t offset, void* out, size_t len) {
    auto* to = static_cast<std::byte*>(out);
    while (len > 0) {
        ssize_t const n = ::pread(file.raw(), to, len, static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(Error::sys("read the kernel"));
        if (n == 0) return bad("it ends too early");
        to += n;
        offset += static_cast<uint64_t>(n);
        len -= static_cast<size_t>(n);
    }
    return {};
}

Result<Elf64_Ehdr> read_header(BorrowedFd file) {
    Elf64_Ehdr h;
    TRY(read_at(file, 0, &h, sizeof h));
    if (std::memcmp(h.e_ident, ELFMAG, SELFMAG) != 0)
        return bad("no ELF file (a bzImage must be unpacked first)");
    if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB)
        return bad("not 64-bit little-endian");
    if (h.e_machine != EM_X86_64) return bad("not for x86-64");
    if (h.e_type != ET_EXEC && h.e_type != ET_DYN) return bad("not an executable");
    if (h.e_phentsize != sizeof(Elf64_Phdr)) return bad("program header size");
    if (h.e_phnum == 0 || h.e_phnum > kMaxHeaders) return bad("number of program headers");
    return h;
}

struct Segment {
    uint64_t begin, end;   // guest-physical, half-open; end counts p_memsz
    uint64_t file_offset;  // of the first byte
    uint64_t file_bytes;   // the rest up to `end` is zero
    bool is_written;       // by the kernel as it runs
};

Result<Segment> checked_segment(GuestMemory const& ram, Elf64_Phdr const& p, uint64_t file_size) {
    auto const file_end = checked_add(p.p_offset, p.p_filesz);
    if (!file_end || *file_end > file_size) return bad("segment beyond the end of the file");
    if (p.p_filesz > p.p_memsz) return bad("segment larger in the file than in memory");
    if (p.p_paddr < layout::kHighRamBegin) return bad("segment below 1 MiB");
    if (!ram.slice(GuestAddr{p.p_paddr}, p.p_memsz).ok()) return bad("segment outside the guest's RAM");
    return Segment{p.p_paddr, p.p_paddr + p.p_memsz, p.p_offset, p.p_filesz, (p.p_flags & PF_W) != 0};
}

Result<std::vector<Segment>> read_segments(GuestMemory const& ram, BorrowedFd file,
                                           Elf64_Ehdr const& header) {
    struct stat st;
    if (::fstat(file.raw(), &st) < 0) return fail(Error::sys("stat the kernel"));
    auto const file_size = static_cast<uint64_t>(st.st_size);
    if (header.e_phoff > file_size) return bad("program headers beyond the end of the file");
    std::vector<Elf64_Phdr> headers(header.e_phnum);
    TRY(read_at(file, header.e_phoff, headers.data(), headers.size() * sizeof(Elf64_Phdr)));
    std::vector<Segment> out;
    for (auto const& p : headers) {
        if (p.p_type != PT_LOAD || p.p_memsz == 0) continue;
        auto const segment = TRY(checked_segment(ram, p, file_size));
        for (auto const& other : out)
            if (segment.begin < other.end && other.begin < segment.end) return bad("segments overlap");
        out.push_back(segment);
    }
    return out;
}

// Reads [begin, end) of guest-physical memory from the file.
Result<void> copy_part(GuestMemory const& ram, BorrowedFd file, Segment const& s, uint64_t begin,
                       uint64_t end) {
    if (begin >= end) return {};
    auto const slice = ram.slice(GuestAddr{begin}, end - begin);
    if (!slice.ok()) return bad("segment outside the guest's RAM");
    auto const target = slice.value().for_kernel();
    return read_at(file, s.file_offset + (begin - s.begin), target.iov_base, target.iov_len);
}

// Pages that belong to the segment from edge to edge are mapped; the edges are copied, because a neighbour or
// zeroes may share their pages. A segment that the file does not hold at the same place in a page is copied,
// and so is one that the kernel writes: most of its pages would become private all the same, each by two EPT
// faults, where anonymous memory comes as one huge page.
Result<void> load_segment(GuestMemory& ram, BorrowedFd file, Segment const& s) {
    uint64_t const file_end = s.begin + s.file_bytes;
    bool const same_place = s.begin % kPage == s.file_offset % kPage;
    uint64_t const first = (s.begin + kPage - 1) & ~(kPage - 1);
    uint64_t const last = file_end & ~(kPage - 1);
    if (s.is_written || !same_place || first >= last) return copy_part(ram, file, s, s.begin, file_end);
    TRY(copy_part(ram, file, s, s.begin, first));
    TRY(ram.map_file(GuestAddr{first}, last - first, file, s.file_offset + (first - s.begin)));
    return copy_part(ram, file, s, last, file_end);
}

}  // namespace

Result<GuestAddr> load_elf(GuestMemory& ram, BorrowedFd file) {
    auto const header = TRY(read_header(file));
    auto const segments = TRY(read_segments(ram, file, header));
    bool entry_loaded = false;
    for (auto const& s : segments) entry_loaded |= header.e_entry >= s.begin && header.e_entry < s.end;
    if (!entry_loaded) return bad("entry point outside its segments");
    for (auto const& s : segments) TRY(load_segment(ram, file, s));
    return GuestAddr{header.e_entry};
}

}  // namespace krun::vmm
