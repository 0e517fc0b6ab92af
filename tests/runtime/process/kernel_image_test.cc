// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/kernel_image.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/support/packed.h"
#include "tests/support/temp_dir.h"

namespace krun::runtime {
namespace {

class KernelImageTest : public testing::Test {
protected:
    void use_kernel(std::string_view content) {
        dir_.write("vmlinux", content);
        ::setenv("KRUN_OCI_KERNEL", (dir_ / "vmlinux").c_str(), 1);
    }
    void TearDown() override { ::unsetenv("KRUN_OCI_KERNEL"); }
    static std::string diagnosis(std::string const& image, std::vector<vmm::DeviceState> const& devices,
                                 std::string_view console = "") {
        auto const file = make_memfd("image", 0);
        EXPECT_TRUE(write_full(file.value().borrow(), image).ok());
        return diagnose_kernel("/k", file.value().borrow(), devices, console);
    }
    static vmm::DeviceState device(std::string name, uint32_t seen_status) {
        vmm::DeviceState state;
        state.name = std::move(name);
        state.seen_status = seen_status;
        return state;
    }
    static std::string image_with(std::string const& config) {
        return "\177ELF IKCFG_ST" + test::gzip(config) + "IKCFG_ED";
    }

    test::TempDir dir_;
};

TEST_F(KernelImageTest, NamedElfFileIsOpened) {
    use_kernel("\177ELF");
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

TEST_F(KernelImageTest, PackedImageIsOpened) {
    use_kernel(test::gzip("anything"));
    EXPECT_TRUE(open_kernel("").ok());
}

TEST_F(KernelImageTest, WhatIsNoKernelIsRefusedWithWhatWouldBeOne) {
    for (auto const* content : {"", "MZ", "#!/bin/sh"}) {
        use_kernel(content);
        auto const kernel = open_kernel("");
        ASSERT_FALSE(kernel.ok()) << content;
        EXPECT_EQ(kernel.error().message(),
                  "guest kernel " + (dir_ / "vmlinux") +
                      ": expected one of: a libkrunfw, an ELF file, a bzImage, an image packed "
                      "with gzip, an image packed with zstd");
    }
}

constexpr uint32_t kFound = 1, kDriven = 15;  // ACKNOWLEDGE; that and DRIVER, DRIVER_OK and FEATURES_OK

std::string const kComplete =
    "#\nCONFIG_VIRTIO_MMIO=y\nCONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y\nCONFIG_FUSE_FS=y\nCONFIG_VIRTIO_FS=y\n"
    "CONFIG_VIRTIO_VSOCKETS=y\nCONFIG_VIRTIO_CONSOLE=y\n";

TEST_F(KernelImageTest, ConfigurationInTheImageNamesTheMissingOption) {
    auto config = kComplete;
    config.replace(config.find("CONFIG_VIRTIO_FS=y"), 18, "CONFIG_VIRTIO_FS=m");
    EXPECT_EQ(diagnosis(image_with(config), {}), "the guest kernel /k has no CONFIG_VIRTIO_FS");
    EXPECT_EQ(diagnosis(image_with(kComplete), {}), "");
}

TEST_F(KernelImageTest, DevicesThatNoDriverTookNameTheMissingOption) {
    EXPECT_EQ(diagnosis("", {device("rng", kDriven), device("fs-krun", kFound), device("vsock", kDriven)}),
              "the guest kernel /k has no driver for fs-krun: no CONFIG_VIRTIO_FS");
    EXPECT_EQ(diagnosis("", {device("rng", kFound), device("fs-krun", kDriven), device("vsock", kFound)}),
              "the guest kernel /k has no driver for vsock: no CONFIG_VIRTIO_VSOCKETS");
    EXPECT_EQ(
        diagnosis("", {device("rng", 0), device("fs-krun", 0)}),
        "the guest kernel /k looked for none of its devices: it has no CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES, "
        "or stopped before");
    EXPECT_EQ(diagnosis("", {device("rng", kDriven), device("fs-krun", kDriven)}), "");
}

TEST_F(KernelImageTest, CompleteKernelThatCouldNotMountItsRootIsSaidSo) {
    EXPECT_EQ(diagnosis(image_with(kComplete), {device("fs-krun", kDriven)},
                        "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"),
              "the guest kernel /k could not mount its virtio-fs root");
}

}  // namespace
}  // namespace krun::runtime
