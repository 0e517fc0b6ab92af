// SPDX-License-Identifier: Apache-2.0
// Gates on the embedded program: it must run where there is nothing but a kernel, and load fast.
#include "init/blob.h"

#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"

namespace krun::init {
namespace {

TEST(InitBlob, IsAnX86ProgramBelowOneMebibyte) {
    auto const blob = init_blob();
    auto const header = ByteReader(blob).take<Elf64_Ehdr>();
    ASSERT_TRUE(header);
    EXPECT_EQ(std::string_view(reinterpret_cast<char const*>(header->e_ident), SELFMAG), ELFMAG);
    EXPECT_EQ(header->e_machine, EM_X86_64);
    EXPECT_EQ(header->e_type, ET_EXEC);
    EXPECT_LT(blob.size(), size_t{1} << 20);
}

TEST(InitBlob, NeedsNoInterpreterAndHasNoSymbols) {
    auto const blob = init_blob();
    auto const header = *ByteReader(blob).take<Elf64_Ehdr>();
    ByteReader segments(blob.subspan(header.e_phoff));
    for (int i = 0; i < header.e_phnum; ++i)
        EXPECT_NE(segments.take<Elf64_Phdr>()->p_type, uint32_t{PT_INTERP});
    ByteReader sections(blob.subspan(header.e_shoff));
    for (int i = 0; i < header.e_shnum; ++i)
        EXPECT_NE(sections.take<Elf64_Shdr>()->sh_type, uint32_t{SHT_SYMTAB});
}

// How many whole pages of `bytes` this process has mapped (proc(5), /proc/PID/pagemap: bit 63).
size_t mapped_pages(std::span<std::byte const> bytes) {
    auto const pagemap = open_path("/proc/self/pagemap", O_RDONLY).value();
    std::vector<uint64_t> pages(bytes.size() / 4096);
    auto const at = static_cast<off_t>(reinterpret_cast<uintptr_t>(bytes.data()) / 4096 * sizeof(uint64_t));
    auto const size = pages.size() * sizeof(uint64_t);
    EXPECT_EQ(::pread(pagemap.borrow().raw(), pages.data(), size, at), static_cast<ssize_t>(size));
    return static_cast<size_t>(
        std::count_if(pages.begin(), pages.end(), [](uint64_t page) { return page >> 63 != 0; }));
}

TEST(InitBlob, LeavesMemoryWhenItIsReleasedAndIsTheSameAfterwards) {
    auto const blob = init_blob();
    std::vector<std::byte> const before(blob.begin(), blob.end());
    EXPECT_EQ(mapped_pages(blob), blob.size() / 4096);
    release_init_blob();
    EXPECT_EQ(mapped_pages(blob), 0u);
    EXPECT_TRUE(std::equal(blob.begin(), blob.end(), before.begin(), before.end()));
}

}  // namespace
}  // namespace krun::init
