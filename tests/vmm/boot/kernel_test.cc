// SPDX-License-Identifier: Apache-2.0
// The forms of kernel files, told apart by their first bytes, and what goes with a kernel.
#include "vmm/boot/kernel.h"

#include <gtest/gtest.h>

#include "tests/support/bzimage.h"
#include "tests/support/elf_image.h"
#include "tests/support/packed.h"
#include "vmm/boot/initrd.h"
#include "vmm/boot/kernel_config.h"

namespace krun::vmm {
namespace {

constexpr uint64_t kAt = 0x200000;
constexpr uint64_t kRam = 16 << 20;

class KernelTest : public ::testing::Test {
protected:
    // Open until the test has ended.
    BorrowedFd file(std::string const& bytes) {
        files.push_back(BzImage::file_of(bytes));
        return files.back().borrow();
    }
    std::string text_at(uint64_t at, size_t len) const {
        std::string out;
        for (size_t i = 0; i < len; ++i)
            out.push_back(static_cast<char>(must(ram.read<uint8_t>(GuestAddr{at + i}))));
        return out;
    }
    std::string refusal_of(std::string const& bytes) {
        auto const loaded = load_kernel(ram, file(bytes));
        if (loaded.ok()) return "";
        auto const message = loaded.error().message();
        return message.substr(message.find(": ") + 2);
    }
    std::string initrd_refusal(std::string const& bytes, LoadedKernel const& kernel) {
        auto const loaded = load_initrd(ram, file(bytes), kernel);
        return loaded.ok() ? "" : loaded.error().message();
    }

    std::vector<UniqueFd> files;
    GuestMemory ram = small_ram(kRam);
    std::string const elf = ElfImage::with(kAt, "kernel").bytes();
    BzImage bzimage = BzImage::with(kAt, std::string(0x200, 'd') + "entry");
};

TEST_F(KernelTest, EveryFormIsKnownByItsFirstBytes) {
    EXPECT_STREQ(kernel_format(file(elf)), "an ELF file");
    EXPECT_STREQ(kernel_format(file(bzimage.bytes())), "a bzImage");
    EXPECT_STREQ(kernel_format(file(test::gzip(elf))), "an image packed with gzip");
    EXPECT_STREQ(kernel_format(file(test::zstd(elf))), "an image packed with zstd");
    for (auto const* other : {"", "\177EL", "MZ",
                              "\xfd"
                              "7zXZ"})
        EXPECT_EQ(kernel_format(file(other)), nullptr) << other;
}

TEST_F(KernelTest, PackedImagesLoadAsWhatTheyUnpackTo) {
    for (auto const& packed : {test::gzip(elf), test::zstd(elf)}) {
        auto fresh = small_ram(kRam);
        auto const kernel = load_kernel(fresh, file(packed));
        ASSERT_TRUE(kernel.ok()) << kernel.error().message();
        EXPECT_EQ(raw(kernel.value().entry), kAt);
        EXPECT_EQ(must(fresh.read<uint8_t>(GuestAddr{kAt + 5})), 'l');
        EXPECT_EQ(
            must(read_file("/proc/self/fd/" + std::to_string(kernel.value().image.borrow().raw()), 1 << 20)),
            elf);
    }
    EXPECT_EQ(refusal_of(test::gzip(bzimage.bytes())), "");
}

TEST_F(KernelTest, PackedImageCutAnywhereIsRefused) {
    for (auto const& packed : {test::gzip(elf), test::zstd(elf)})
        for (size_t len = 4; len < packed.size(); ++len)
            EXPECT_NE(refusal_of(packed.substr(0, len)), "") << len;
    EXPECT_EQ(refusal_of(test::gzip(elf).substr(0, 40)), "it ends too early");
}

TEST_F(KernelTest, DamagedPackedImageIsRefused) {
    auto packed = test::gzip(elf);
    packed[packed.size() - 6] ^= 1;  // the checksum
    EXPECT_EQ(refusal_of(packed), "its packed data is damaged");
    EXPECT_EQ(refusal_of(std::string("\x28\xb5\x2f\xfd\x08\0\0\0\0\0\0\0", 12)), "its packed data is damaged")
        << "a reserved bit";
}

TEST_F(KernelTest, PackedInsideAPackedImageIsRefused) {
    EXPECT_NE(refusal_of(test::gzip(test::zstd(elf))).find("expected one of: "), std::string::npos);
    EXPECT_NE(refusal_of(test::zstd("plain text")).find("expected one of: "), std::string::npos);
}

TEST_F(KernelTest, BombIsCutOff) {
    std::string const zeroes((256 << 20) + 1, '\0');
    EXPECT_EQ(refusal_of(test::zstd(zeroes)), "it unpacks to more than 256 MiB");
}

TEST_F(KernelTest, BzImageLiesWhereItWantsAndIsEnteredAtIts64BitEntry) {
    auto const kernel = load_kernel(ram, file(bzimage.bytes()));
    ASSERT_TRUE(kernel.ok()) << kernel.error().message();
    EXPECT_EQ(raw(kernel.value().entry), kAt + 0x200);
    EXPECT_EQ(text_at(kAt + 0x1ff, 7), std::string("dentry\0", 7));
    EXPECT_EQ(kernel.value().end, kAt + 0x10000) << "where it unpacks itself";
    ASSERT_TRUE(kernel.value().header);
    EXPECT_EQ(kernel.value().header->version, 0x20f);
}

TEST_F(KernelTest, NoSetupSectorsMeansFour) {
    bzimage.header.setup_sects = 0;
    EXPECT_EQ(refusal_of(bzimage.bytes()), "");
    EXPECT_EQ(text_at(kAt + 0x200, 5), "entry");
}

TEST_F(KernelTest, CodeBehindAShortHeaderIsNotTakenForFields) {
    bzimage.header.jump = 0x10eb;
    auto const kernel = load_kernel(ram, file(bzimage.bytes()));
    EXPECT_FALSE(kernel.ok()) << "its preferred address is not in the header, so it is 0";
}

TEST_F(KernelTest, BzImageThatCannotBeEnteredIn64BitsIsRefused) {
    auto image = bzimage;
    image.header.version = 0x20b;
    EXPECT_EQ(refusal_of(image.bytes()), "a bzImage older than boot protocol 2.12");
    image = bzimage;
    image.header.xloadflags = 0;
    EXPECT_EQ(refusal_of(image.bytes()), "a bzImage without a 64-bit entry point");
}

TEST_F(KernelTest, BzImageThatDoesNotFitIsRefused) {
    auto image = bzimage;
    for (uint64_t const at : {uint64_t{0}, uint64_t{0xff000}}) {
        image.header.pref_address = at;
        EXPECT_EQ(refusal_of(image.bytes()), "a bzImage that wants to lie below 1 MiB");
    }
    for (uint64_t const at : {kRam, kRam - 0x1000, UINT64_MAX, UINT64_MAX - 0x8000}) {
        image.header.pref_address = at;
        EXPECT_EQ(refusal_of(image.bytes()), "the guest's RAM is too small to unpack it");
    }
    image = bzimage;
    image.header.init_size = UINT32_MAX;
    EXPECT_EQ(refusal_of(image.bytes()), "the guest's RAM is too small to unpack it");
}

TEST_F(KernelTest, BzImageCutAnywhereIsRefused) {
    auto const bytes = bzimage.bytes();
    for (size_t len = 0; len <= 8 * 512 + 0x200; len += 16)
        EXPECT_NE(refusal_of(bytes.substr(0, len)), "") << len;
}

TEST_F(KernelTest, InitrdLiesAsHighAsItFits) {
    std::string const content(5000, 'i');
    LoadedKernel const kernel{.entry = {}, .end = kAt};
    auto const at = load_initrd(ram, file(content), kernel);
    ASSERT_TRUE(at.ok()) << at.error().message();
    EXPECT_EQ(raw(at.value().base), kRam - 8192);
    EXPECT_EQ(at.value().len_bytes, 5000u);
    EXPECT_EQ(text_at(kRam - 8192, 5001), content + std::string(1, '\0'));
    LoadedKernel const low{.entry = {}, .end = kAt, .initrd_end = 0x300000};
    EXPECT_EQ(raw(must(load_initrd(ram, file(content), low)).base), 0x300000u - 8192);
}

TEST_F(KernelTest, InitrdThatDoesNotFitBesideTheKernelIsRefused) {
    LoadedKernel const kernel{.entry = {}, .end = kRam - 8191};
    EXPECT_EQ(initrd_refusal(std::string(4096, 'i'), kernel), "");
    EXPECT_EQ(initrd_refusal(std::string(4097, 'i'), kernel),
              "the initrd has 4097 bytes, beside the kernel fit 4096");
    EXPECT_EQ(initrd_refusal("", kernel), "the initrd is empty or no regular file");
    LoadedKernel const none{.entry = {}, .end = kAt, .initrd_end = 1};
    EXPECT_EQ(initrd_refusal("i", none), "the initrd has 1 bytes, beside the kernel fit 0");
}

std::string with_config(std::string const& config) {
    return "\177ELF some code IKCFG_ST" + test::gzip(config) + "IKCFG_ED and more";
}

TEST_F(KernelTest, ConfigurationThatAKernelCarriesTellsWhatItLacks) {
    auto const image = BzImage::file_of(with_config("CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\n"));
    auto const config = embedded_config(image.borrow());
    EXPECT_FALSE(is_not_built_in("\n" + *config, "CONFIG_A"));
    EXPECT_TRUE(is_not_built_in(*config, "CONFIG_B")) << "a module is not at hand when the root is mounted";
    EXPECT_TRUE(is_not_built_in(*config, "CONFIG_C"));
    EXPECT_TRUE(is_not_built_in(*config, "CONFIG_NEVER_HEARD_OF"));
    EXPECT_FALSE(lacks_option(file("\177ELF without"), "CONFIG_A"));
    EXPECT_FALSE(embedded_config(file("IKCFG_STnot gzip")));
    EXPECT_FALSE(embedded_config(file(with_config(std::string(2 << 20, 'x'))))) << "too long";
}

TEST_F(KernelTest, InitrdForAKernelThatKnowsNoneIsRefused) {
    LoadedKernel kernel{.entry = {}, .end = kAt};
    kernel.image = BzImage::file_of(with_config("\n# CONFIG_BLK_DEV_INITRD is not set\n"));
    EXPECT_EQ(initrd_refusal("i", kernel), "the kernel has no CONFIG_BLK_DEV_INITRD");
    kernel.image = BzImage::file_of(with_config("\nCONFIG_BLK_DEV_INITRD=y\n"));
    EXPECT_EQ(initrd_refusal("i", kernel), "");
}

}  // namespace
}  // namespace krun::vmm
