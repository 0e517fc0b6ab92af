// SPDX-License-Identifier: Apache-2.0
// What may be a disk and what may not, who may use it at once, and how the refusal reads.
#include "vmm/disk/open_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/guest_driver.h"
#include "tests/support/temp_dir.h"
#include "vmm/disk/image_file.h"

namespace krun::vmm {
namespace {

class OpenDiskTest : public ::testing::Test {
protected:
    OpenDiskTest() { dir_.write("image", std::string(4096, 'x')); }
    std::string verdict(std::string const& name, DiskFormat format = DiskFormat::kRaw,
                        bool read_only = false) {
        auto const disk = open_disk({dir_ / name, format, read_only});
        if (disk.ok()) return "accepted";
        auto const text = disk.error().message();
        std::string const begin = "disk image \"" + dir_ / name + "\": ";
        EXPECT_EQ(text.substr(0, begin.size()), begin);
        return text.substr(std::min(begin.size(), text.size()));
    }
    test::TempDir dir_;
};

TEST_F(OpenDiskTest, OnlyFilesAndBlockDevicesOfWholeSectors) {
    dir_.write("empty", "");
    dir_.write("odd", std::string(1000, 'x'));
    ::mkfifo((dir_ / "pipe").c_str(), 0600);
    EXPECT_EQ(verdict("image"), "accepted");
    EXPECT_EQ(verdict("absent"), "open for writing: No such file or directory");
    EXPECT_EQ(verdict("empty"), "a raw image must be whole sectors of 512 bytes, is 0 bytes");
    EXPECT_EQ(verdict("odd"), "a raw image must be whole sectors of 512 bytes, is 1000 bytes");
    EXPECT_EQ(verdict("."), "open for writing: Is a directory");
    EXPECT_EQ(verdict(".", DiskFormat::kRaw, true), "it is neither a file nor a block device");
    EXPECT_EQ(verdict("pipe"), "it is neither a file nor a block device");
}

TEST_F(OpenDiskTest, FormatIsNeverGuessed) {
    dir_.write("looks", "QFI\xfb" + std::string(508, '\0'));
    EXPECT_EQ(verdict("looks"), "accepted");  // as a raw image
    EXPECT_EQ(verdict("image", DiskFormat::kQcow2), "it is no qcow2 image");
}

TEST_F(OpenDiskTest, OneWriterOrManyReaders) {
    auto writer = must(open_disk({dir_ / "image"}));
    EXPECT_EQ(verdict("image"), "it is in use by another machine");
    EXPECT_EQ(verdict("image", DiskFormat::kRaw, true), "it is in use by another machine");
    writer.reset();
    auto const reader = must(open_disk({dir_ / "image", DiskFormat::kRaw, true}));
    EXPECT_EQ(verdict("image", DiskFormat::kRaw, true), "accepted");
    EXPECT_EQ(verdict("image"), "it is in use by another machine");
}

TEST_F(OpenDiskTest, ReadOnlyDescriptorCannotWrite) {
    auto file = must(ImageFile::open(dir_ / "image", /*read_only=*/true));
    std::byte const byte{'!'};
    EXPECT_EQ(file.write(0, {&byte, 1}).error().value, EBADF);
}

TEST_F(OpenDiskTest, FileThatShrinksReadsAsZerosAtItsEnd) {
    auto const disk = must(open_disk({dir_ / "image"}));
    ASSERT_EQ(::truncate((dir_ / "image").c_str(), 1000), 0);
    std::string bytes(1024, '?');
    iovec const parts[] = {{bytes.data(), 300}, {bytes.data() + 300, 724}};
    ASSERT_TRUE(disk->read(512, parts).ok());
    EXPECT_EQ(bytes, std::string(488, 'x') + std::string(536, '\0'));
}

}  // namespace
}  // namespace krun::vmm
