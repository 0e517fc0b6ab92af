// SPDX-License-Identifier: Apache-2.0
// The block device on a raw image, driven as a kernel would and as it never would: each request comes back
// with a status, and nothing outside the disk is ever read or written.
#include "vmm/device/blk.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "tests/support/temp_dir.h"
#include "tests/vmm/device/device_rig.h"
#include "vmm/disk/open_disk.h"

namespace krun::vmm {
namespace {

constexpr uint64_t kSectors = 2048;
enum : uint32_t { kIn = 0, kOut = 1, kFlush = 4, kGetId = 8, kDiscard = 11, kWriteZeroes = 13 };
enum : uint8_t { kOk = 0, kIoError = 1, kUnsupported = 2 };
constexpr uint64_t kFlushFeature = uint64_t{1} << 9;

std::string header(uint32_t type, uint64_t sector) {
    std::array<char, 16> bytes{};
    std::memcpy(bytes.data(), &type, sizeof type);
    std::memcpy(bytes.data() + 8, &sector, sizeof sector);
    return {bytes.data(), bytes.size()};
}

std::string range(uint64_t sector, uint32_t sectors, uint32_t flags = 0) {
    std::array<char, 16> bytes{};
    std::memcpy(bytes.data(), &sector, sizeof sector);
    std::memcpy(bytes.data() + 8, &sectors, sizeof sectors);
    std::memcpy(bytes.data() + 12, &flags, sizeof flags);
    return {bytes.data(), bytes.size()};
}

// Counts flushes; refuses what some host's file system cannot do.
class PoorDisk final : public Disk {
public:
    uint64_t size_bytes() const override { return kSectors * kSectorBytes; }
    bool read_only() const override { return false; }
    uint64_t discard_granularity() const override { return 512; }
    DiskResult read(uint64_t, std::span<iovec const>) override { return fail(Errno{EIO}); }
    DiskResult write(uint64_t, std::span<iovec const>) override { return {}; }
    DiskResult flush() override {
        ++flushes;
        return {};
    }
    DiskResult discard(uint64_t, uint64_t) override { return fail(Errno{EOPNOTSUPP}); }
    DiskResult write_zeroes(uint64_t, uint64_t, bool) override { return fail(Errno{EOPNOTSUPP}); }
    int flushes = 0;
};

class BlkTest : public ::testing::Test {
protected:
    BlkTest() {
        std::string content(kSectors * kSectorBytes, '\0');
        for (size_t i = 0; i < content.size(); ++i)
            content[i] = static_cast<char>('a' + i / kSectorBytes % 26);
        dir_.write("image", content);
    }
    void attach(bool read_only = false) {
        use(must(open_disk({dir_ / "image", DiskFormat::kRaw, read_only})));
    }
    void use(std::unique_ptr<Disk> disk, uint64_t accepted = ~uint64_t{0}, uint32_t vcpus = 1) {
        rig_.reset();
        device_ = must(Blk::make({"data", std::move(disk)}, vcpus));
        rig_ = std::make_unique<DeviceRig>(*device_, accepted);
    }
    PoorDisk& use_poor_disk(uint64_t accepted = ~uint64_t{0}) {
        auto disk = std::make_unique<PoorDisk>();
        auto& poor = *disk;
        use(std::move(disk), accepted);
        return poor;
    }
    std::optional<GuestDriver::Used> finish(GuestDriver::ChainBuilder chain, uint16_t queue = 0) {
        head_ = chain.publish();
        rig_->kick(queue);
        return rig_->driver(queue).take_used();
    }
    // The status of a request without data to read.
    int request(uint32_t type, uint64_t sector, std::string_view data = {}, uint16_t queue = 0) {
        auto chain = rig_->driver(queue).chain();
        chain.readable(header(type, sector));
        if (!data.empty()) chain.readable(data);
        chain.writable(1);
        auto const used = finish(chain, queue);
        EXPECT_TRUE(used);
        return used ? static_cast<uint8_t>(rig_->driver(queue).written(used->head, 1)[0]) : -1;
    }
    // Data and status of a request that reads.
    std::pair<std::string, int> read(uint64_t sector, uint32_t bytes, uint32_t type = kIn) {
        auto chain = rig_->driver(0).chain();
        chain.readable(header(type, sector)).writable(bytes).writable(1);
        auto const used = finish(chain);
        auto const all = rig_->driver(0).written(head_, bytes + 1);
        return {all.substr(0, bytes), used ? static_cast<uint8_t>(all[bytes]) : -1};
    }
    std::string image() const { return must(read_file(dir_ / "image", 8 << 20)); }
    uint64_t allocated_bytes() const {
        struct stat st {};
        ::stat((dir_ / "image").c_str(), &st);
        return static_cast<uint64_t>(st.st_blocks) * 512;
    }

    test::TempDir dir_;
    std::unique_ptr<Blk> device_;
    std::unique_ptr<DeviceRig> rig_;
    uint16_t head_ = 0;
};

TEST_F(BlkTest, ConfigurationTellsSizeQueuesAndLimits) {
    use(must(open_disk({dir_ / "image"})), ~uint64_t{0}, 8);
    std::array<uint32_t, 16> config{};
    device_->read_config(0, std::as_writable_bytes(std::span(config)));
    EXPECT_EQ(config[0], kSectors);
    EXPECT_EQ(config[3], 254u);      // segments in a request
    EXPECT_EQ(config[5], 512u);      // block
    EXPECT_EQ(config[8] >> 16, 4u);  // queues
    EXPECT_EQ(config[10], 16u);      // ranges that one request discards
    EXPECT_EQ(config[11], 8u);       // sectors that a discarded range is aligned to
    EXPECT_EQ(device_->queue_sizes().size(), 4u);
}

TEST_F(BlkTest, WhatIsReadIsTheImage) {
    attach();
    auto const [data, status] = read(3, 1024);
    EXPECT_EQ(status, kOk);
    EXPECT_EQ(data, std::string(512, 'd') + std::string(512, 'e'));
}

TEST_F(BlkTest, WhatIsWrittenIsInTheImageWhenTheRequestIsBack) {
    attach();
    EXPECT_EQ(request(kOut, 2047, std::string(512, '!')), kOk);
    EXPECT_EQ(image().substr(2046 * 512), std::string(512, 'a' + 2046 % 26) + std::string(512, '!'));
}

TEST_F(BlkTest, RequestMayBeCutAnywhere) {
    attach();
    auto chain = rig_->driver(0).chain();
    auto const bytes = header(kOut, 7);
    chain.readable(bytes.substr(0, 5)).readable(bytes.substr(5) + std::string(100, 'x'));
    chain.readable(std::string(412, 'y')).writable(1);
    ASSERT_TRUE(finish(chain));
    EXPECT_EQ(image().substr(7 * 512, 512), std::string(100, 'x') + std::string(412, 'y'));
    auto split = rig_->driver(0).chain();
    split.readable(header(kIn, 7)).writable(100).writable(413);  // the status shares a descriptor
    auto const used = finish(split);
    ASSERT_TRUE(used);
    EXPECT_EQ(used->data, std::string(100, 'x') + std::string(412, 'y') + std::string(1, '\0'));
}

TEST_F(BlkTest, OnlySectorsOfTheDiskAreReachable) {
    attach();
    std::string const before = image();
    for (uint64_t const sector : {kSectors, kSectors - 1, kSectors + 1, UINT64_MAX, UINT64_MAX / 512,
                                  (UINT64_MAX / 512) + 1, uint64_t{1} << 55}) {
        EXPECT_EQ(read(sector, 1024).second, kIoError) << sector;
        EXPECT_EQ(request(kOut, sector, std::string(1024, '!')), kIoError) << sector;
        EXPECT_EQ(request(kDiscard, 0, range(sector, 2)), kIoError) << sector;
        EXPECT_EQ(request(kWriteZeroes, 0, range(sector, 2)), kIoError) << sector;
    }
    EXPECT_EQ(image(), before);
}

TEST_F(BlkTest, PartsOfSectorsAreRefused) {
    attach();
    EXPECT_EQ(read(0, 511).second, kIoError);
    EXPECT_EQ(request(kOut, 0, std::string(513, '!')), kIoError);
    EXPECT_EQ(image()[0], 'a');
}

TEST_F(BlkTest, RequestWithoutHeaderOrStatusComesBackAllTheSame) {
    attach();
    auto no_status = rig_->driver(0).chain();
    no_status.readable(header(kOut, 0) + std::string(512, '!'));
    EXPECT_EQ(finish(no_status)->len_bytes, 0u);
    EXPECT_EQ(image()[0], 'a');
    auto short_header = rig_->driver(0).chain();
    short_header.readable(header(kIn, 0).substr(0, 15)).writable(513);
    ASSERT_TRUE(finish(short_header));
    EXPECT_EQ(rig_->driver(0).written(head_, 513)[512], kIoError);
    auto status_alone = rig_->driver(0).chain();
    status_alone.writable(1);
    ASSERT_TRUE(finish(status_alone));
    EXPECT_EQ(rig_->driver(0).written(head_, 1)[0], kIoError);
    EXPECT_EQ(rig_->broken_rule(), "");
}

TEST_F(BlkTest, UsedLengthNeverClaimsWhatWasNotWritten) {
    attach();
    auto failed = rig_->driver(0).chain();
    failed.readable(header(kIn, kSectors)).writable(512).writable(1);
    EXPECT_EQ(finish(failed)->len_bytes, 0u);
    auto done = rig_->driver(0).chain();
    done.readable(header(kIn, 0)).writable(512).writable(1);
    EXPECT_EQ(finish(done)->len_bytes, 513u);
}

TEST_F(BlkTest, SerialIsTheDisksName) {
    attach();
    auto const [serial, status] = read(0, 20, kGetId);
    EXPECT_EQ(status, kOk);
    EXPECT_EQ(serial, std::string("data") + std::string(16, '\0'));
    EXPECT_EQ(read(0, 2, kGetId).first, "da");
    EXPECT_FALSE(Blk::make({"", std::make_unique<PoorDisk>()}, 1).ok());
    EXPECT_FALSE(Blk::make({std::string(21, 's'), std::make_unique<PoorDisk>()}, 1).ok());
}

TEST_F(BlkTest, UnknownRequestIsUnsupported) {
    attach();
    EXPECT_EQ(request(99, 0), kUnsupported);
}

TEST_F(BlkTest, ReadOnlyDiskRefusesWhatWouldChangeIt) {
    attach(/*read_only=*/true);
    EXPECT_EQ(device_->features() & (uint64_t{1} << 5), uint64_t{1} << 5);
    EXPECT_EQ(device_->features() & ((uint64_t{1} << 13) | (uint64_t{1} << 14)), 0u);
    EXPECT_EQ(request(kOut, 0, std::string(512, '!')), kIoError);
    EXPECT_EQ(request(kDiscard, 0, range(0, 8)), kIoError);
    EXPECT_EQ(request(kWriteZeroes, 0, range(0, 8)), kIoError);
    EXPECT_EQ(request(kFlush, 0), kOk);
    EXPECT_EQ(read(0, 512).first, std::string(512, 'a'));
    EXPECT_EQ(image()[0], 'a');
}

TEST_F(BlkTest, DiscardGivesTheRoomBackToTheHost) {
    attach();
    auto const before = allocated_bytes();
    EXPECT_EQ(request(kDiscard, 0, range(8, 1024) + range(1040, 8)), kOk);
    EXPECT_LE(allocated_bytes() + (512 << 10), before);
    EXPECT_EQ(read(8, 512).first, std::string(512, '\0'));
    EXPECT_EQ(read(1040, 512).first, std::string(512, '\0'));
    EXPECT_EQ(read(0, 512).first, std::string(512, 'a'));
}

TEST_F(BlkTest, WriteZeroesZeroesAndUnmapsOnlyIfTold) {
    attach();
    auto const before = allocated_bytes();
    EXPECT_EQ(request(kWriteZeroes, 0, range(8, 1024)), kOk);
    EXPECT_EQ(allocated_bytes(), before);
    EXPECT_EQ(read(1031, 512).first, std::string(512, '\0'));
    EXPECT_EQ(read(1032, 512).first, std::string(512, static_cast<char>('a' + 1032 % 26)));
    EXPECT_EQ(request(kWriteZeroes, 0, range(8, 1024, 1)), kOk);
    EXPECT_LT(allocated_bytes(), before);
}

TEST_F(BlkTest, RangesAreJudgedBeforeTheFirstIsCarriedOut) {
    attach();
    EXPECT_EQ(request(kDiscard, 0, range(0, 8) + range(0, 8, 1)), kUnsupported);  // no such flag there
    EXPECT_EQ(request(kWriteZeroes, 0, range(0, 8) + range(0, 8, 2)), kUnsupported);
    EXPECT_EQ(request(kDiscard, 0, range(0, 8) + range(0, 0xffffffff)), kIoError);
    EXPECT_EQ(request(kDiscard, 0, range(0, 8).substr(1)), kIoError);
    EXPECT_EQ(request(kDiscard, 0), kIoError);
    std::string many;
    for (int i = 0; i < 17; ++i) many += range(0, 8);
    EXPECT_EQ(request(kDiscard, 0, many), kIoError);
    EXPECT_EQ(read(0, 512).first, std::string(512, 'a'));
    EXPECT_EQ(request(kDiscard, 0, range(0, 0)), kOk);
}

TEST_F(BlkTest, WhatTheHostCannotDoIsUnsupportedAndWhatFailsIsAnError) {
    use_poor_disk();
    EXPECT_EQ(request(kDiscard, 0, range(0, 8)), kUnsupported);
    EXPECT_EQ(request(kWriteZeroes, 0, range(0, 8)), kUnsupported);
    EXPECT_EQ(read(0, 512).second, kIoError);
}

TEST_F(BlkTest, DriverThatKnowsNoFlushHasEachWriteFlushed) {
    auto& with_flush = use_poor_disk();
    EXPECT_EQ(request(kOut, 0, std::string(512, '!')), kOk);
    EXPECT_EQ(with_flush.flushes, 0);
    EXPECT_EQ(request(kFlush, 0), kOk);
    EXPECT_EQ(with_flush.flushes, 1);
    auto& without = use_poor_disk(~kFlushFeature);
    EXPECT_EQ(request(kOut, 0, std::string(512, '!')), kOk);
    EXPECT_EQ(without.flushes, 1);
}

TEST_F(BlkTest, EachQueueIsServed) {
    use(must(open_disk({dir_ / "image"})), ~uint64_t{0}, 2);
    EXPECT_EQ(request(kOut, 0, std::string(512, '0'), 0), kOk);
    EXPECT_EQ(request(kOut, 1, std::string(512, '1'), 1), kOk);
    EXPECT_EQ(image().substr(0, 1024), std::string(512, '0') + std::string(512, '1'));
}

}  // namespace
}  // namespace krun::vmm
