// SPDX-License-Identifier: Apache-2.0
// What may be a disk and what may not, who may use it at once, and how the refusal reads.
#include "vmm/disk/open_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "tests/support/guest_driver.h"
#include "tests/support/temp_dir.h"
#include "vmm/disk/image_file.h"
#include "vmm/disk/raw_disk.h"

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

// tmpfs, of which a memfd is made, cannot tell what it would wait for.
TEST_F(OpenDiskTest, ReadingWhatIsInMemoryWorksOnEveryFileSystem) {
    auto const memfd = must(make_memfd("image", 4096));
    std::string const content(4096, 'x');
    must(write_full(memfd.borrow(), std::as_bytes(std::span(content))));
    auto const in_tmpfs = must(RawDisk::make(must(ImageFile::adopt(must(duplicate(memfd.borrow())), true))));
    auto const in_file = must(open_disk({dir_ / "image", DiskFormat::kRaw, true}));
    for (auto* const disk : {in_tmpfs.get(), in_file.get()})
        for (int turn = 0; turn < 2; ++turn) {
            std::string got(1024, '\0');
            iovec const into{got.data(), got.size()};
            EXPECT_TRUE(disk->read_now(1024, {&into, 1}).ok());
            EXPECT_EQ(got, std::string(1024, 'x'));
        }
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
