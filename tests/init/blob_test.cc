// SPDX-License-Identifier: Apache-2.0
// Gates on the embedded program: it must run where there is nothing but a kernel, and load fast.
#include "init/blob.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/bytes.h"

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

TEST(InitBlob, IsTheSameAfterItsPagesWereReleased) {
    auto const blob = init_blob();
    std::vector<std::byte> const before(blob.begin(), blob.end());
    release_init_blob();
    EXPECT_TRUE(std::equal(blob.begin(), blob.end(), before.begin(), before.end()));
}

}  // namespace
}  // namespace krun::init
