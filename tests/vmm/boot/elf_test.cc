// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/elf.h"

#include <gtest/gtest.h>

#include "tests/support/elf_image.h"

namespace krun::vmm {
namespace {

constexpr uint64_t kAt = 0x200000;

class ElfTest : public ::testing::Test {
protected:
    std::string text_at(uint64_t at, size_t len) const {
        std::string out;
        for (size_t i = 0; i < len; ++i)
            out.push_back(static_cast<char>(must(ram.read<uint8_t>(GuestAddr{at + i}))));
        return out;
    }
    // The rule that loading `image` breaks.
    std::string refusal(ElfImage const& image) { return refusal_of(image.bytes()); }
    std::string refusal_of(std::string const& bytes) {
        auto const file = ElfImage::file_of(bytes);
        auto const loaded = load_elf(ram, file.borrow());
        if (loaded.ok()) return "";
        auto const message = loaded.error().message();
        return message.substr(message.find(": ") + 2);
    }
    GuestMemory ram = small_ram(16 << 20);
    ElfImage good = ElfImage::with(kAt, "kernel");
};

TEST_F(ElfTest, SegmentLandsAtItsPhysicalAddress) {
    auto const file = good.file();
    auto const entry = load_elf(ram, file.borrow());
    ASSERT_TRUE(entry.ok());
    EXPECT_EQ(raw(entry.value().entry), kAt);
    EXPECT_EQ(entry.value().end, kAt + 6);
    EXPECT_EQ(text_at(kAt, 8), std::string("kernel\0\0", 8));
}

TEST_F(ElfTest, WholePagesAndBothEdgesCarryTheFileAndNothingElse) {
    std::string content;
    for (int i = 0; i < 3 * 4096; ++i) content.push_back(static_cast<char>('a' + i % 23));
    auto image = ElfImage::with(kAt + 100, content);
    image.segments[0].p_offset = ElfImage::kContentOffset + 100;  // the same place in a page as in memory
    image.content = std::string(100, '\xee') + content + std::string(5000, '\xee');
    image.segments[0].p_memsz += 5000;
    auto const file = image.file();
    ASSERT_TRUE(load_elf(ram, file.borrow()).ok());
    EXPECT_EQ(text_at(kAt, 100), std::string(100, '\0'));
    EXPECT_EQ(text_at(kAt + 100, content.size()), content);
    EXPECT_EQ(text_at(kAt + 100 + content.size(), 5000), std::string(5000, '\0'));
}

TEST_F(ElfTest, GuestWritesToMappedPagesDoNotReachTheFile) {
    auto const file = ElfImage::with(kAt, std::string(8192, 'k')).file();
    ASSERT_TRUE(load_elf(ram, file.borrow()).ok());
    must(ram.write<uint8_t>(GuestAddr{kAt}, 'X'));
    char first = 0;
    ASSERT_EQ(::pread(file.borrow().raw(), &first, 1, ElfImage::kContentOffset), 1);
    EXPECT_EQ(first, 'k');
}

TEST_F(ElfTest, SegmentMisalignedInItsFileIsCopied) {
    auto image = ElfImage::with(kAt, std::string(9000, 'k'));
    image.segments[0].p_offset += 1;
    image.segments[0].p_filesz -= 1;
    auto const file = image.file();
    ASSERT_TRUE(load_elf(ram, file.borrow()).ok());
    EXPECT_EQ(text_at(kAt + 8990, 12), std::string(9, 'k') + std::string(3, '\0'));
}

TEST_F(ElfTest, WrongMagicClassMachineOrTypeIsRefused) {
    auto image = good;
    image.header.e_ident[0] = 0;
    EXPECT_EQ(refusal(image), "no ELF file");
    image = good;
    image.header.e_ident[EI_CLASS] = ELFCLASS32;
    EXPECT_EQ(refusal(image), "not 64-bit little-endian");
    image = good;
    image.header.e_machine = EM_AARCH64;
    EXPECT_EQ(refusal(image), "not for x86-64");
    image = good;
    image.header.e_type = ET_REL;
    EXPECT_EQ(refusal(image), "not an executable");
}

TEST_F(ElfTest, ProgramHeaderTableOfWrongSizeCountOrPlaceIsRefused) {
    auto image = good;
    image.header.e_phentsize = 32;
    EXPECT_EQ(refusal(image), "program header size");
    for (uint16_t const count : {uint16_t{0}, uint16_t{65}, uint16_t{0xffff}}) {
        image = good;
        image.header.e_phnum = count;
        EXPECT_EQ(refusal(image), "number of program headers");
    }
    image = good;
    image.header.e_phoff = UINT64_MAX - 8;
    EXPECT_EQ(refusal(image), "program headers beyond the end of the file");
    image.header.e_phoff = good.bytes().size() - 8;
    EXPECT_EQ(refusal(image), "it ends too early");
}

TEST_F(ElfTest, SegmentsOutsideTheFileAreRefused) {
    auto image = good;
    image.segments[0].p_filesz = image.segments[0].p_memsz = 7;  // one byte more than the file has
    EXPECT_EQ(refusal(image), "segment beyond the end of the file");
    image = good;
    image.segments[0].p_offset = UINT64_MAX;
    EXPECT_EQ(refusal(image), "segment beyond the end of the file");
    image = good;
    image.segments[0].p_memsz = 1;
    EXPECT_EQ(refusal(image), "segment larger in the file than in memory");
}

TEST_F(ElfTest, SegmentsOutsideRamAreRefused) {
    auto image = good;
    image.segments[0].p_paddr = 0x9000;  // where our own boot structures lie
    EXPECT_EQ(refusal(image), "segment below 1 MiB");
    for (uint64_t const at : {uint64_t{16 << 20}, uint64_t{(16 << 20) - 5}, UINT64_MAX - 3}) {
        image = good;
        image.segments[0].p_paddr = at;
        EXPECT_EQ(refusal(image), "segment outside the guest's RAM") << at;
    }
    image = good;
    image.segments[0].p_memsz = UINT64_MAX;
    EXPECT_EQ(refusal(image), "segment outside the guest's RAM");
}

TEST_F(ElfTest, OverlappingSegmentsAreRefused) {
    good.add(kAt + 5, ElfImage::kContentOffset, 6, 6);
    EXPECT_EQ(refusal(good), "segments overlap");
}

TEST_F(ElfTest, EntryOutsideTheSegmentsIsRefused) {
    good.header.e_entry = kAt + 6;
    EXPECT_EQ(refusal(good), "entry point outside its segments");
    good.segments[0].p_type = PT_NOTE;
    EXPECT_EQ(refusal(good), "entry point outside its segments");
}

TEST_F(ElfTest, FilesCutAnywhereInTheirHeadersAreRefused) {
    auto const bytes = good.bytes();
    for (size_t len = 0; len < sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr); ++len)
        EXPECT_NE(refusal_of(bytes.substr(0, len)), "") << len;
}

}  // namespace
}  // namespace krun::vmm
