// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernel_image.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/support/temp_dir.h"

namespace krun::runtime {
namespace {

// Everything a usable kernel's image contains, as diagnose_kernel looks for it.
constexpr std::string_view kComplete =
    "\177ELF virtio_mmio.device= fusectl virtiofs vmw_vsock_virtio_transport virtio_console";

class KernelImageTest : public testing::Test {
protected:
    void use_kernel(std::string_view content) {
        dir_.write("vmlinux", content);
        ::setenv("KRUN_OCI_KERNEL", (dir_ / "vmlinux").c_str(), 1);
    }
    void TearDown() override { ::unsetenv("KRUN_OCI_KERNEL"); }
    std::string diagnosis(std::string_view content, std::string_view console) {
        dir_.write("image", content);
        auto const file = open_path(dir_ / "image", O_RDONLY);
        return diagnose_kernel(file.value().borrow(), console);
    }

    test::TempDir dir_;
};

TEST_F(KernelImageTest, NamedElfFileIsOpened) {
    use_kernel(kComplete);
    auto const kernel = open_kernel("");
    ASSERT_TRUE(kernel.ok());
    EXPECT_EQ(kernel.value().path, dir_ / "vmlinux");
}

TEST_F(KernelImageTest, NamedButMissingIsAnErrorThatSaysWhatToDo) {
    ::setenv("KRUN_OCI_KERNEL", (dir_ / "nothing").c_str(), 1);
    auto const kernel = open_kernel("");
    ASSERT_FALSE(kernel.ok());
    EXPECT_EQ(kernel.error().message(), "guest kernel " + (dir_ / "nothing") +
                                            " cannot be opened (ENOENT); set KRUN_OCI_KERNEL or install one");
}

TEST_F(KernelImageTest, CompressedOrEmptyImageIsRefused) {
    for (auto const* content : {"", "\x1f\x8b gzip", "MZ bzImage"}) {
        use_kernel(content);
        auto const kernel = open_kernel("");
        ASSERT_FALSE(kernel.ok()) << content;
        EXPECT_NE(kernel.error().message().find("expected an uncompressed ELF kernel"), std::string::npos);
    }
}

TEST_F(KernelImageTest, DiagnosisNamesTheMissingOption) {
    std::string image(kComplete);
    image.replace(image.find("virtiofs"), 8, "xxxxxxxx");
    EXPECT_EQ(diagnosis(image, ""), "the guest kernel lacks CONFIG_VIRTIO_FS");
    image.replace(image.find("fusectl"), 7, "xxxxxxx");
    EXPECT_EQ(diagnosis(image, ""), "the guest kernel lacks CONFIG_FUSE_FS");
}

TEST_F(KernelImageTest, CompleteKernelThatCouldNotMountItsRootIsSaidSo) {
    EXPECT_EQ(diagnosis(kComplete,
                        "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"),
              "the guest kernel could not mount its virtio-fs root");
}

TEST_F(KernelImageTest, NothingToSayAboutAHealthyKernel) {
    EXPECT_EQ(diagnosis(kComplete, "all is well"), "");
}

}  // namespace
}  // namespace krun::runtime
