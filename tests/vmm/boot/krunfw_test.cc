// SPDX-License-Identifier: Apache-2.0
// Stand-ins for libkrunfw, built with and without optimisation (krunfw/library.c).
#include "vmm/boot/krunfw.h"

#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>

#include "tests/support/elf_image.h"

namespace krun::vmm {
namespace {

UniqueFd library(std::string const& name) {
    return must(open_path(std::string(KRUN_LIBRARY_DIR) + "/libkrunfw_" + name + ".so", O_RDONLY));
}
std::string bytes_of(std::string const& name) {
    auto const file = library(name);
    return must(read_file(file.borrow(), 1 << 20));
}

class KrunfwTest : public ::testing::Test {
protected:
    std::string refusal_of(std::string const& bytes) {
        auto const file = ElfImage::file_of(bytes);
        auto const loaded = load_kernel(ram, file.borrow());
        if (loaded.ok()) return "";
        auto const message = loaded.error().message();
        return message.substr(message.find(": ") + 2);
    }
    GuestMemory ram = small_ram(16 << 20);
};

TEST_F(KrunfwTest, KernelLiesAndIsEnteredWhereTheLibrarySays) {
    for (auto const* name : {"O0", "O2"}) {
        auto fresh = small_ram(16 << 20);
        auto const file = library(name);
        EXPECT_STREQ(kernel_format(file.borrow()), "a libkrunfw");
        auto const kernel = load_kernel(fresh, file.borrow());
        ASSERT_TRUE(kernel.ok()) << name << ": " << kernel.error().message();
        EXPECT_EQ(raw(kernel.value().entry), 0x200100u) << name;
        EXPECT_EQ(kernel.value().end, 0x203000u) << name;
        EXPECT_EQ(must(fresh.read<uint8_t>(GuestAddr{0x200000})), 'k') << name;
        EXPECT_EQ(must(fresh.read<uint8_t>(GuestAddr{0x200005})), 'l') << name;
    }
}

TEST_F(KrunfwTest, FunctionThatComputesIsRefusedAndNotExecuted) {
    EXPECT_EQ(refusal_of(bytes_of("computes")),
              "a library whose krunfw_get_kernel does more than to store constants");
}

TEST_F(KrunfwTest, OtherLibraryIsRefused) {
    auto bytes = bytes_of("O2");
    for (size_t at = 0; (at = bytes.find("krunfw_get_kernel", at)) != bytes.npos;) bytes[at] = 'x';
    EXPECT_EQ(refusal_of(bytes), "a library without krunfw_get_kernel");
    bytes = bytes_of("O2");
    for (size_t at = 0; (at = bytes.find("KERNEL_BUNDLE", at)) != bytes.npos;) bytes[at] = 'x';
    EXPECT_EQ(refusal_of(bytes), "a library without KERNEL_BUNDLE");
}

TEST_F(KrunfwTest, LibraryCutAnywhereIsRefused) {
    auto const bytes = bytes_of("O2");
    for (size_t len = 64; len < bytes.size() - 1; len += 509)
        EXPECT_NE(refusal_of(bytes.substr(0, len)), "") << len;
}

TEST_F(KrunfwTest, KernelThatDoesNotFitIsRefused) {
    auto const file = library("O2");
    auto small = small_ram(2 << 20);
    EXPECT_FALSE(load_kernel(small, file.borrow()).ok());
}

}  // namespace
}  // namespace krun::vmm
