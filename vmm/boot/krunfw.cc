// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/krunfw.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "vmm/boot/elf.h"
#include "vmm/memory/layout.h"

namespace krun::vmm {
namespace {

constexpr size_t kMaxTableEntries = 4096;  // libkrunfw has some ten sections and symbols; bounds what we read
constexpr size_t kMaxNameBytes = size_t{1} << 16;
constexpr size_t kMaxCodeBytes = 256;

template <class T>
Result<std::vector<T>> read_table(BorrowedFd file, uint64_t offset, uint64_t count) {
    if (count > kMaxTableEntries) return bad_kernel("a library with too large a table");
    if (offset > TRY(size_of(file))) return bad_kernel("a library with a table beyond its end");
    std::vector<T> out(count);
    TRY(read_all(file, offset, std::as_writable_bytes(std::span(out))));
    return out;
}

class Library {
public:
    static Result<Library> read(BorrowedFd file) {
        Elf64_Ehdr h{};
        TRY(read_all(file, 0, std::as_writable_bytes(std::span(&h, 1))));
        if (h.e_machine != EM_X86_64 || h.e_phentsize != sizeof(Elf64_Phdr) ||
            h.e_shentsize != sizeof(Elf64_Shdr))
            return bad_kernel("a library for another machine");
        Library library(file);
        library.segments_ = TRY(read_table<Elf64_Phdr>(file, h.e_phoff, h.e_phnum));
        auto const sections = TRY(read_table<Elf64_Shdr>(file, h.e_shoff, h.e_shnum));
        for (auto const& section : sections)
            if (section.sh_type == SHT_DYNSYM && section.sh_link < sections.size())
                TRY(library.read_symbols(section, sections[section.sh_link]));
        return library;
    }

    std::optional<Elf64_Sym> find(std::string_view name) const {
        for (auto const& symbol : symbols_) {
            if (symbol.st_shndx == SHN_UNDEF || symbol.st_name >= names_.size()) continue;
            if (std::string_view(names_.data() + symbol.st_name) == name) return symbol;
        }
        return std::nullopt;
    }

    // Where [address, address + len) lies in the file, which has all of it.
    std::optional<uint64_t> offset_of(uint64_t address, uint64_t len, uint64_t file_size) const {
        for (auto const& p : segments_) {
            if (p.p_type != PT_LOAD || address < p.p_vaddr) continue;
            uint64_t const inside = address - p.p_vaddr;
            if (inside > p.p_filesz || len > p.p_filesz - inside) continue;
            auto const offset = checked_add(p.p_offset, inside);
            auto const end = offset ? checked_add(*offset, len) : std::nullopt;
            if (end && *end <= file_size) return offset;
        }
        return std::nullopt;
    }

private:
    explicit Library(BorrowedFd file) : file_(file) {}
    Result<void> read_symbols(Elf64_Shdr const& table, Elf64_Shdr const& strings) {
        symbols_ = TRY(read_table<Elf64_Sym>(file_, table.sh_offset, table.sh_size / sizeof(Elf64_Sym)));
        if (strings.sh_size > kMaxNameBytes) return bad_kernel("a library with too large a table");
        names_.assign(strings.sh_size + 1, '\0');  // so that every name ends
        return read_all(file_, strings.sh_offset,
                        std::as_writable_bytes(std::span(names_.data(), strings.sh_size)));
    }

    BorrowedFd file_;
    std::vector<Elf64_Phdr> segments_;
    std::vector<Elf64_Sym> symbols_;
    std::vector<char> names_{'\0'};
};

struct Constants {
    uint64_t load, entry, size;
};

// Every compiler stores a constant below 2 GiB by `movq $imm32, (reg)`: 48 c7, a byte that names the
// register, and the constant. Optimised, the arguments are still in rdi, rsi and rdx; else each comes through
// rax, in their order.
std::optional<Constants> stored_constants(std::span<uint8_t const> code) {
    constexpr uint8_t kRax = 0, kRdx = 2, kRsi = 6, kRdi = 7;
    std::array<std::optional<uint64_t>, 8> by_register;
    std::vector<uint64_t> through_rax;
    for (size_t i = 0; i + 7 <= code.size(); ++i) {
        if (code[i] != 0x48 || code[i + 1] != 0xc7 || (code[i + 2] & ~7) != 0) continue;
        uint32_t constant = 0;
        std::memcpy(&constant, code.data() + i + 3, sizeof constant);
        if (code[i + 2] == kRax) through_rax.push_back(constant);
        by_register[code[i + 2]] = constant;
        i += 6;
    }
    if (by_register[kRdi] && by_register[kRsi] && by_register[kRdx])
        return Constants{*by_register[kRdi], *by_register[kRsi], *by_register[kRdx]};
    if (through_rax.size() == 3) return Constants{through_rax[0], through_rax[1], through_rax[2]};
    return std::nullopt;
}

Result<Constants> read_constants(Library const& library, BorrowedFd file, uint64_t file_size) {
    auto const function = library.find("krunfw_get_kernel");
    if (!function) return bad_kernel("a library without krunfw_get_kernel");
    size_t const len = std::min<uint64_t>(function->st_size, kMaxCodeBytes);
    auto const offset = library.offset_of(function->st_value, len, file_size);
    if (!offset) return bad_kernel("a library whose krunfw_get_kernel is not in it");
    std::vector<uint8_t> code(len);
    TRY(read_all(file, *offset, std::as_writable_bytes(std::span(code))));
    auto const constants = stored_constants(code);
    if (!constants) return bad_kernel("a library whose krunfw_get_kernel does more than to store constants");
    return *constants;
}

}  // namespace

bool is_shared_library(KernelHead head) {
    Elf64_Ehdr h{};
    std::memcpy(&h, head.data(), sizeof h);
    if (!is_elf(head) || h.e_type != ET_DYN) return false;
    for (size_t i = 0; i < h.e_phnum && h.e_phoff <= head.size(); ++i) {
        size_t const at = h.e_phoff + i * sizeof(Elf64_Phdr);
        if (at + sizeof(Elf64_Phdr) > head.size()) return false;
        Elf64_Phdr p{};
        std::memcpy(&p, head.data() + at, sizeof p);
        if (p.p_type == PT_DYNAMIC) return true;
    }
    return false;
}

Result<LoadedKernel> load_krunfw(GuestMemory& ram, BorrowedFd file) {
    auto const library = TRY(Library::read(file));
    uint64_t const file_size = TRY(size_of(file));
    auto const constants = TRY(read_constants(library, file, file_size));
    auto const [load, entry, size] = constants;
    auto const bundle = library.find("KERNEL_BUNDLE");
    if (!bundle) return bad_kernel("a library without KERNEL_BUNDLE");
    auto const offset = library.offset_of(bundle->st_value, size, file_size);
    if (!offset || size > bundle->st_size) return bad_kernel("a library whose kernel is not in it");
    if (load < layout::kHighRamBegin) return bad_kernel("segment below 1 MiB");
    if (size == 0 || !ram.slice(GuestAddr{load}, size).ok())
        return bad_kernel("segment outside the guest's RAM");
    if (entry < load || entry - load >= size) return bad_kernel("entry point outside its segments");
    TRY(load_segment(ram, file, {load, load + size, *offset, size, /*is_written=*/false}));
    LoadedKernel kernel;
    kernel.entry = GuestAddr{entry};
    kernel.end = load + size;
    return kernel;
}

}  // namespace krun::vmm
