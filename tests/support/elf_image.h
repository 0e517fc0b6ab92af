// SPDX-License-Identifier: Apache-2.0
// Builds small ELF files, good ones and, by editing the parts, bad ones.
#pragma once
#include <elf.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/fd.h"
#include "tests/support/guest_driver.h"

namespace krun::vmm {

struct ElfImage {
    Elf64_Ehdr header{};
    std::vector<Elf64_Phdr> segments;
    std::string content;  // placed at file offset kContentOffset

    static constexpr uint64_t kContentOffset = 0x1000;

    // One segment at `at`, with the entry point at its start. `bss_bytes` zeroes follow the content.
    static ElfImage with(uint64_t at, std::string content, uint64_t bss_bytes = 0) {
        ElfImage image;
        image.content = std::move(content);
        auto& h = image.header;
        std::memcpy(h.e_ident, ELFMAG, SELFMAG);
        h.e_ident[EI_CLASS] = ELFCLASS64;
        h.e_ident[EI_DATA] = ELFDATA2LSB;
        h.e_type = ET_EXEC;
        h.e_machine = EM_X86_64;
        h.e_entry = at;
        h.e_phoff = sizeof h;
        h.e_phentsize = sizeof(Elf64_Phdr);
        image.add(at, kContentOffset, image.content.size(), image.content.size() + bss_bytes);
        return image;
    }
    void add(uint64_t at, uint64_t offset, uint64_t file_bytes, uint64_t memory_bytes) {
        Elf64_Phdr p{};
        p.p_type = PT_LOAD;
        p.p_offset = offset;
        p.p_paddr = at;
        p.p_filesz = file_bytes;
        p.p_memsz = memory_bytes;
        segments.push_back(p);
        header.e_phnum = static_cast<uint16_t>(segments.size());
    }
    std::string bytes() const {
        std::string out(kContentOffset, '\xee');  // what must never show up in guest RAM
        std::memcpy(out.data(), &header, sizeof header);
        std::memcpy(out.data() + sizeof header, segments.data(), segments.size() * sizeof(Elf64_Phdr));
        return out + content;
    }
    UniqueFd file() const { return file_of(bytes()); }
    static UniqueFd file_of(std::string const& bytes) {
        auto fd = must(make_memfd("elf", 0));
        must(write_full(fd.borrow(), bytes));
        return fd;
    }
};

}  // namespace krun::vmm
