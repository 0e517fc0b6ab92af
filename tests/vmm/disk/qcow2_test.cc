// SPDX-License-Identifier: Apache-2.0
// qcow2 images made by qemu-img, written through our code and judged by qemu-img again; and images that lie.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <ostream>
#include <random>

#include "tests/support/guest_driver.h"
#include "tests/support/temp_dir.h"
#include "vmm/disk/open_disk.h"
#include "vmm/disk/qcow2_disk.h"

namespace krun::vmm {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;

class Qcow2Test : public ::testing::Test {
protected:
    void SetUp() override {
        if (std::system("command -v qemu-img qemu-io >/dev/null 2>&1") != 0)
            GTEST_SKIP() << "skipped: qemu-img and qemu-io are not installed (package qemu-utils)";
    }
    // True if the shell command, run in the directory, succeeds.
    bool shell(std::string const& command) const {
        return std::system(("cd " + dir_.path() + " && " + command + " >>log 2>&1").c_str()) == 0;
    }
    bool is_clean() const { return shell("qemu-img check -f qcow2 image"); }  // 3: leaked clusters only
    std::unique_ptr<Disk> open(bool read_only = false) const {
        return must(open_disk({dir_ / "image", DiskFormat::kQcow2, read_only}));
    }
    std::string verdict(bool read_only = false) const {
        auto const disk = open_disk({dir_ / "image", DiskFormat::kQcow2, read_only});
        if (disk.ok()) return "accepted";
        return disk.error().message().substr(dir_.path().size() +
                                             std::string("disk image \"/image\": ").size());
    }
    void create(std::string const& options = "-o compat=1.1 image 64M") const {
        ASSERT_TRUE(shell("qemu-img create -f qcow2 " + options));
    }
    // Overwrites bytes of the file, as a stranger would.
    void patch(uint64_t at, std::string_view bytes) const {
        auto const file = must(open_path(dir_ / "image", O_RDWR));
        ASSERT_EQ(::pwrite(file.borrow().raw(), bytes.data(), bytes.size(), static_cast<off_t>(at)),
                  static_cast<ssize_t>(bytes.size()));
    }
    uint64_t number(uint64_t at) const {
        auto const text = must(read_file(dir_ / "image", 64 << 20)).substr(at, 8);
        uint64_t out = 0;
        for (char const c : text) out = out << 8 | static_cast<uint8_t>(c);
        return out;
    }
    static std::string big_endian(uint64_t value) {
        std::string out;
        for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
        return out;
    }
    uint64_t allocated_bytes() const {
        struct stat st {};
        ::stat((dir_ / "image").c_str(), &st);
        return static_cast<uint64_t>(st.st_blocks) * 512;
    }

    test::TempDir dir_;
};

DiskResult write(Disk& disk, uint64_t at, std::string bytes) {
    iovec const part{bytes.data(), bytes.size()};
    return disk.write(at, {&part, 1});
}
std::string read(Disk& disk, uint64_t at, size_t len) {
    std::string bytes(len, '?');
    iovec const part{bytes.data(), bytes.size()};
    return disk.read(at, {&part, 1}).ok() ? bytes : "failed";
}

TEST_F(Qcow2Test, ReadsWhatQemuWrote) {
    create();
    ASSERT_TRUE(
        shell("qemu-io -f qcow2 -c 'write -P 0x61 65000 2000' -c 'write -P 0x62 33M 4096' "
              "-c 'write -z 1M 64k' image"));
    auto const disk = open(/*read_only=*/true);
    EXPECT_EQ(disk->size_bytes(), 64 * kMib);
    EXPECT_EQ(read(*disk, 64512, 3072),
              std::string(488, '\0') + std::string(2000, 'a') + std::string(584, '\0'));
    EXPECT_EQ(read(*disk, 33 * kMib, 4096), std::string(4096, 'b'));
    EXPECT_EQ(read(*disk, kMib, 512), std::string(512, '\0'));
    EXPECT_EQ(read(*disk, 64 * kMib - 512, 512), std::string(512, '\0'));
}

struct Layout {
    char const* options;
    uint64_t size;
};
// For the test's name.
void PrintTo(Layout const& layout, std::ostream* out) {
    *out << layout.options;
}
class Qcow2LayoutTest : public Qcow2Test, public ::testing::WithParamInterface<Layout> {};

// The same random requests go to a raw image and, by way of a qcow2 image, to qemu's eyes.
TEST_P(Qcow2LayoutTest, QemuFindsWhatWasWrittenAndNothingWrong) {
    auto const size = GetParam().size;
    create(GetParam().options);
    dir_.write("raw", "");
    ASSERT_EQ(::truncate((dir_ / "raw").c_str(), static_cast<off_t>(size)), 0);
    auto raw = must(open_disk({dir_ / "raw"}));
    auto disk = open();
    std::mt19937 random(1);
    for (int i = 0; i < 400; ++i) {
        uint64_t const len = 512 * (1 + random() % (i % 7 == 0 ? 512 : 8));
        uint64_t const at = 512 * (random() % ((size - len) / 512 + 1));
        auto const kind = random() % 8;
        bool const discarded = kind != 0 || disk->discard(at, len).ok();  // what that leaves, nobody knows
        ASSERT_TRUE(discarded);
        if (kind <= 2) {
            ASSERT_TRUE(disk->write_zeroes(at, len, kind == 1).ok());
            ASSERT_TRUE(raw->write_zeroes(at, len, true).ok());
        } else {
            std::string const bytes(len, static_cast<char>('A' + i % 50));
            ASSERT_TRUE(write(*disk, at, bytes).ok());
            ASSERT_TRUE(write(*raw, at, bytes).ok());
        }
        if (i % 50 != 0) continue;
        disk.reset();
        disk = open();
    }
    ASSERT_TRUE(disk->flush().ok());
    disk.reset();
    raw.reset();  // qemu respects the lock
    EXPECT_TRUE(is_clean());
    EXPECT_TRUE(shell("qemu-img compare -f raw -F qcow2 raw image"));
    EXPECT_TRUE(shell("qemu-img convert -f qcow2 -O raw image copy && cmp raw copy"));
    EXPECT_EQ(verdict(), "accepted");
}

INSTANTIATE_TEST_SUITE_P(Layouts, Qcow2LayoutTest,
                         ::testing::Values(Layout{"-o compat=1.1 image 64M", 64 * kMib},
                                           Layout{"-o compat=0.10 image 64M", 64 * kMib},
                                           Layout{"-o cluster_size=512 image 1M", kMib},
                                           Layout{"-o cluster_size=4096 image 16M", 16 * kMib},
                                           Layout{"-o cluster_size=2M image 65M", 65 * kMib},
                                           Layout{"-o preallocation=metadata image 8M", 8 * kMib},
                                           Layout{"-o lazy_refcounts=on image 8M", 8 * kMib}));

class Qcow2CompressedTest : public Qcow2Test, public ::testing::WithParamInterface<char const*> {
protected:
    // Clusters that compress well, badly and not at all, and holes.
    std::string raw_image() const {
        std::mt19937 random(2);
        std::string raw(5 * kMib + 512, '\0');
        for (size_t at = 0; at < raw.size(); at += 3000) {
            auto const kind = random() % 4;
            for (size_t i = at; i < std::min(at + 3000, raw.size()) && kind != 0; ++i)
                raw[i] = static_cast<char>(kind == 1 ? 'a' : kind == 2 ? random() % 4 : random());
        }
        for (size_t i = 2 * kMib; i < 3 * kMib; ++i) raw[i] = static_cast<char>(random());
        return raw;
    }
};

TEST_P(Qcow2CompressedTest, ReadsWhatQemuPacked) {
    auto const raw = raw_image();
    dir_.write("raw", raw);
    ASSERT_TRUE(shell(std::string("qemu-img convert -c -f raw -O qcow2 -o ") + GetParam() + " raw image"));
    auto const disk = open(/*read_only=*/true);
    EXPECT_TRUE(read(*disk, 0, raw.size()) == raw) << "as a whole";
    std::mt19937 random(3);
    for (int i = 0; i < 300; ++i) {
        size_t const len = 512 * (1 + random() % 300);
        size_t const at = 512 * (random() % ((raw.size() - len) / 512 + 1));
        ASSERT_TRUE(read(*disk, at, len) == raw.substr(at, len)) << len << " bytes at " << at;
    }
}

TEST_P(Qcow2CompressedTest, WhatDoesNotUnpackIsAnError) {
    dir_.write("raw", std::string(kMib, 'a'));
    ASSERT_TRUE(shell(std::string("qemu-img convert -c -f raw -O qcow2 -o ") + GetParam() + " raw image"));
    uint64_t const l2 = number(number(40)) & 0x00fffffffffffe00;
    uint64_t const packed = number(l2) & 0xffffffff;
    patch(packed, std::string(8, '\xff'));
    auto const disk = open(/*read_only=*/true);
    EXPECT_EQ(read(*disk, 0, 512), "failed");
    EXPECT_EQ(read(*disk, 0, 512), "failed") << "and again";
    patch(l2, big_endian(uint64_t{1} << 62 | uint64_t{1} << 40));
    EXPECT_EQ(verdict(/*read_only=*/true),
              "the qcow2 image is damaged: a compressed cluster begins after the file");
}

INSTANTIATE_TEST_SUITE_P(Packers, Qcow2CompressedTest,
                         ::testing::Values("compression_type=zlib", "compression_type=zstd",
                                           "compression_type=zlib,cluster_size=512",
                                           "compression_type=zstd,cluster_size=2M", "compat=0.10"));

TEST_F(Qcow2Test, DiscardedClustersAreFreeForTheHostAndForNewData) {
    create();
    auto disk = open();
    ASSERT_TRUE(write(*disk, 0, std::string(8 * kMib, 'x')).ok());
    auto const full = allocated_bytes();
    ASSERT_TRUE(disk->discard(0, 8 * kMib).ok());
    EXPECT_LE(allocated_bytes() + 8 * kMib, full);
    EXPECT_EQ(read(*disk, kMib, 512), std::string(512, '\0'));
    ASSERT_TRUE(write(*disk, 32 * kMib, std::string(512, 'y')).ok());
    EXPECT_EQ(read(*disk, 32 * kMib, 1024), std::string(512, 'y') + std::string(512, '\0'));
    disk.reset();
    EXPECT_TRUE(is_clean());
}

TEST_F(Qcow2Test, ClusterThatWasSomebodyElsesShowsNothingOfIt) {
    create();
    auto const disk = open();
    ASSERT_TRUE(write(*disk, 0, std::string(4 * 65536, 's')).ok());
    ASSERT_TRUE(disk->discard(0, 4 * 65536).ok());
    for (uint64_t i = 0; i < 4; ++i) {
        uint64_t const cluster = 10 * kMib + i * 65536;
        ASSERT_TRUE(write(*disk, cluster + 1024, std::string(512, 'n')).ok());
        EXPECT_EQ(read(*disk, cluster, 65536),
                  std::string(1024, '\0') + std::string(512, 'n') + std::string(65536 - 1536, '\0'));
    }
}

TEST_F(Qcow2Test, WhatIsNotSupportedIsRefusedByName) {
    dir_.write("base", std::string(kMib, 'b'));
    create("-b base -F raw image");
    EXPECT_EQ(verdict(), "backing files are not supported");
    create("-o data_file=data image 1M");
    EXPECT_EQ(verdict(), "external data files are not supported");
    create("-o extended_l2=on image 1M");
    EXPECT_EQ(verdict(), "extended L2 entries are not supported");
    create("-o refcount_bits=1 image 1M");
    EXPECT_EQ(verdict(), "refcounts of other than 16 bits are not supported");
    create();
    patch(32, std::string("\0\0\0\x01", 4));
    EXPECT_EQ(verdict(), "encryption is not supported");
    create();
    patch(104, std::string("\2", 1));
    patch(72, big_endian(8));
    EXPECT_EQ(verdict(), "its compression type is not supported");
    create();
    patch(72, big_endian(32));
    EXPECT_EQ(verdict(), "it has unknown incompatible features");
    create();
    patch(4, std::string("\0\0\0\x04", 4));
    EXPECT_EQ(verdict(), "qcow2 version 4 is not supported");
}

TEST_F(Qcow2Test, SomeImagesCanOnlyBeRead) {
    dir_.write("base", std::string(kMib, 'b'));
    ASSERT_TRUE(shell("qemu-img convert -f raw -O qcow2 -c base image"));
    EXPECT_EQ(verdict(), "an image with compressed clusters can only be read");
    EXPECT_EQ(verdict(/*read_only=*/true), "accepted");
    create();
    ASSERT_TRUE(shell("qemu-io -f qcow2 -c 'write -P 0x61 0 4096' image && qemu-img snapshot -c one image"));
    EXPECT_EQ(verdict(), "an image with internal snapshots can only be read");
    EXPECT_EQ(read(*open(true), 0, 512), std::string(512, 'a'));
    create();
    patch(72, big_endian(1));
    EXPECT_EQ(verdict(), "it was not closed properly: run `qemu-img check -r all` before it is written");
    EXPECT_EQ(verdict(true), "accepted");
    create();
    ASSERT_TRUE(shell("qemu-img bitmap --add image b"));
    EXPECT_EQ(verdict(), "writing it would make its bitmaps wrong");
    EXPECT_EQ(verdict(true), "accepted");
    create();
    patch(72, big_endian(2));
    EXPECT_EQ(verdict(true), "the qcow2 image is damaged: it is marked as corrupt");
}

// Each would let a guest write over the image's own tables, or us read outside the file.
TEST_F(Qcow2Test, TablesThatLieAreFoundBeforeTheMachineBoots) {
    constexpr uint64_t kCopied = uint64_t{1} << 63;
    create();
    ASSERT_TRUE(shell("qemu-io -f qcow2 -c 'write -P 0x61 0 128k' image"));
    std::string const good = must(read_file(dir_ / "image", 64 << 20));
    uint64_t const l1 = number(40);
    uint64_t const l2 = number(l1) & ~kCopied;
    uint64_t const refcounts = number(48);
    uint64_t const second = number(l2 + 8) & ~kCopied;
    struct Lie {
        uint64_t at;
        uint64_t value;
        char const* verdict;
    };
    std::string const twice = "the cluster at ";
    for (auto const& [at, value, expected] : {
             Lie{l2, kCopied | 0, "accepted"},  // a leak
             Lie{l2, kCopied | l2, "used twice"},
             Lie{l2, kCopied | l1, "used twice"},
             Lie{l2, kCopied | second, "used twice"},
             Lie{l2, kCopied | refcounts, "used twice"},
             Lie{l2, kCopied | 65536 * 4096, "is no cluster of the file"},
             Lie{l2, kCopied | (second + 512), "is no cluster of the file"},
             Lie{l2, kCopied | second | 2, "an L2 table has reserved bits"},
             Lie{l1, kCopied | l1, "used twice"},
             Lie{l1, kCopied | 0x00fffffffff00000, "is no cluster of the file"},
             Lie{l1, kCopied | l2 | 1, "its L1 table has reserved bits"},
             Lie{refcounts, 0, "in use is counted 0 times"},
             Lie{refcounts, l2, "used twice"},
             Lie{refcounts, (number(refcounts)) | 1, "reserved bits"},
             Lie{40, 0, "used twice"},
             Lie{40, 0xffffffffffff0000, "its L1 table ends after the file"},
             Lie{48, 0xffffffffffff0000, "is no cluster of the file"},
             Lie{24, 0, "the disk is not whole sectors"},
             Lie{24, 1000, "the disk is not whole sectors"},
             Lie{24, uint64_t{1} << 50, "its L1 table is too small"},
             Lie{32, 0x00000000ffffffff, "its L1 table is too large"},
             Lie{16, 8, "its clusters are not 512 bytes to 2 MiB"},
             Lie{56, 0, "its refcount table has no possible size"},
             Lie{56, 0xffffffff00000000, "its refcount table has no possible size"},
         }) {
        dir_.write("image", good);
        patch(at, big_endian(value));
        EXPECT_NE(verdict().find(expected), std::string::npos)
            << std::hex << at << " " << value << ": " << verdict() << ", not " << expected;
    }
}

TEST_F(Qcow2Test, FileCutShortIsRefused) {
    create();
    ASSERT_TRUE(shell("qemu-io -f qcow2 -c 'write -P 0x61 0 1M' image"));
    ASSERT_EQ(::truncate((dir_ / "image").c_str(), 3 * 65536), 0);
    EXPECT_NE(verdict().find("damaged"), std::string::npos) << verdict();
    ASSERT_EQ(::truncate((dir_ / "image").c_str(), 50), 0);
    EXPECT_NE(verdict(), "accepted");
}

TEST_F(Qcow2Test, RefcountTableTooSmallForTheWholeDiskIsSaidBeforeItIsFull) {
    create("-o cluster_size=512 image 1G");
    EXPECT_EQ(verdict(), "its refcount table has no room for the whole disk: convert it to larger clusters");
    EXPECT_EQ(verdict(true), "accepted");
}

}  // namespace
}  // namespace krun::vmm
