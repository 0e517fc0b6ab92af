// SPDX-License-Identifier: Apache-2.0
// The block device on its own threads, as a machine runs it: what waits for the host's storage is overtaken,
// large reads are made in pieces by several threads, and each request comes back once, with all its bytes.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <string>
#include <thread>

#include "base/fd.h"
#include "tests/support/gate.h"
#include "tests/support/guest_driver.h"
#include "tests/support/interrupt_line.h"
#include "tests/support/temp_dir.h"
#include "vmm/device/blk.h"
#include "vmm/disk/open_disk.h"
#include "vmm/virtio/features.h"
#include "vmm/virtio/worker.h"

namespace krun::vmm {
namespace {

constexpr uint64_t kSectors = 8192;
constexpr uint64_t kBadSector = 1500;
enum : uint32_t { kIn = 0, kOut = 1, kFlush = 4, kDiscard = 11 };
enum : char { kOk = 0, kIoError = 1 };

// Nothing of it is in memory, one sector cannot be read, and whatever waits for the storage does so until
// the test opens the gate.
class GatedDisk final : public Disk {
public:
    explicit GatedDisk(bool concurrent) : concurrent_(concurrent) {}
    uint64_t size_bytes() const override { return kSectors * kSectorBytes; }
    bool read_only() const override { return false; }
    uint64_t discard_granularity() const override { return 512; }
    bool is_concurrent() const override { return concurrent_; }
    DiskResult read(uint64_t at, std::span<iovec const> into) override {
        gate.pass();
        uint64_t len = 0;
        for (auto const& part : into) len += part.iov_len;
        bool const bad = at <= kBadSector * kSectorBytes && kBadSector * kSectorBytes < at + len;
        if (bad) return fail(Errno{EIO});
        return {};
    }
    DiskResult read_now(uint64_t, std::span<iovec const>) override { return fail(Errno{EAGAIN}); }
    DiskResult write(uint64_t, std::span<iovec const>) override { return {}; }
    DiskResult flush() override {
        gate.pass();
        return {};
    }
    DiskResult discard(uint64_t, uint64_t) override {
        gate.pass();
        return {};
    }
    DiskResult write_zeroes(uint64_t, uint64_t, bool) override { return {}; }

    Gate gate;

private:
    bool const concurrent_;
};

struct Back {
    char status;
    uint32_t used_bytes;
    std::string data;  // before the status
};

class BlkWorker : public ::testing::Test {
protected:
    static constexpr uint64_t kRoom = 16 << 20;
    static constexpr uint16_t kEntries = 256;

    ~BlkWorker() override {
        if (gated_ != nullptr) gated_->gate.open();
        worker_->stop();
    }
    void use(std::unique_ptr<Disk> disk) {
        auto blk = must(Blk::make({"data", std::move(disk)}, 1, /*host_cpus=*/4));
        auto const& device = *blk;
        worker_ = must(Worker::make(std::move(blk), interrupt_));
        must(worker_->start());
        while (device.helpers_running() < device.helpers()) std::this_thread::yield();
        activate();
    }
    void use_gated_disk(bool concurrent = true) {
        auto disk = std::make_unique<GatedDisk>(concurrent);
        gated_ = disk.get();
        use(std::move(disk));
    }
    // Each sector of it says where it is.
    void use_image() {
        content_.reserve(kSectors * kSectorBytes);
        for (uint64_t i = 0; i < kSectors * kSectorBytes / 8; ++i) {
            char word[9];
            std::snprintf(word, sizeof word, "%08x", static_cast<unsigned>(i * 2654435761u));
            content_ += word;
        }
        dir_.write("image", content_);
        use(must(open_disk({dir_ / "image"})));
    }
    // A driver clears its rings before it hands them over.
    void activate() {
        driver_.emplace(ram_, DriverOptions{.room_bytes = kRoom, .size = kEntries, .event_idx = true});
        driver_->write(driver_->layout().descriptors, std::string(kEntries * 32, '\0'));
        fresh_ = driver_->mark();
        Worker::Queues queues;
        queues.emplace_back(driver_->make_queue());
        worker_->activate(std::move(queues), kTransportFeatures | uint64_t{1} << 9);
    }
    void reset() {
        worker_->reset();
        expected_.clear();
    }

    // As Linux: the index, then the device's wish, then perhaps a notification.
    uint16_t offer(uint32_t type, uint64_t sector, uint32_t read_bytes = 0, std::string const& data = {}) {
        std::array<char, 16> header{};
        std::memcpy(header.data(), &type, sizeof type);
        std::memcpy(header.data() + 8, &sector, sizeof sector);
        auto chain = driver_->chain();
        chain.readable({header.data(), header.size()});
        if (!data.empty()) chain.readable(data);
        for (uint32_t left = read_bytes; left > 0;) {
            uint32_t const part = std::min<uint32_t>(left, 20'000);  // so that pieces end inside parts
            chain.writable(part);
            left -= part;
        }
        auto const head = chain.writable(1).indirect().publish();
        EXPECT_TRUE(expected_.emplace(head, read_bytes).second);
        std::atomic_ref(fence_).fetch_add(1);
        if (static_cast<uint16_t>(driver_->available_index() - 1) == driver_->available_event())
            worker_->ring();
        return head;
    }
    // The next request that comes back, and what came; UINT16_MAX if none does.
    std::pair<uint16_t, Back> next() {
        while (true) {
            if (auto const used = take()) return *used;
            driver_->set_used_event(driver_->used_index());
            std::atomic_ref(fence_).fetch_add(1);
            if (auto const used = take()) return *used;
            pollfd line{line_.event().raw(), POLLIN, 0};
            if (::poll(&line, 1, 20'000) != 1) return {UINT16_MAX, {}};
            eventfd_t count = 0;
            ::eventfd_read(line_.event().raw(), &count);
        }
    }

    test::TempDir dir_;
    std::string content_;
    GuestMemory ram_ = small_ram(kRoom + (1 << 20));
    std::optional<GuestDriver> driver_;
    GuestAddr fresh_{};
    InterruptLine line_;
    Interrupt interrupt_{line_.edge()};
    uint64_t fence_ = 0;
    GatedDisk* gated_ = nullptr;
    std::map<uint16_t, uint32_t> expected_;  // bytes that requests under way read
    std::unique_ptr<Worker> worker_;

private:
    std::optional<std::pair<uint16_t, Back>> take() {
        auto const used = driver_->take_used();
        if (!used) return std::nullopt;
        auto const asked = expected_.find(used->head);
        EXPECT_NE(asked, expected_.end()) << "a request that nobody made, or a second time";
        if (asked == expected_.end()) return std::nullopt;
        auto const all = driver_->written(used->head, asked->second + 1);
        expected_.erase(asked);
        return std::pair(used->head, Back{all.back(), used->len_bytes, all.substr(0, all.size() - 1)});
    }
};

TEST_F(BlkWorker, WhatWaitsForTheStorageKeepsNobodyElseWaiting) {
    std::string const one_sector = std::string(8, '\0') + '\1' + std::string(7, '\0');
    for (auto const& [type, data] :
         {std::pair<uint32_t, std::string>{kIn, ""}, {kFlush, ""}, {kDiscard, one_sector}}) {
        use_gated_disk();
        auto const waits = offer(type, 0, type == kIn ? 512 : 0, data);
        gated_->gate.await_somebody();
        auto const quick = offer(kOut, 0, 0, std::string(512, 'x'));
        EXPECT_EQ(next().first, quick) << type;
        gated_->gate.open();
        EXPECT_EQ(next().first, waits) << type;
        worker_->stop();
    }
}

TEST_F(BlkWorker, WhatWaitsForTheStorageWaitsSideBySide) {
    use_gated_disk();
    for (int i = 0; i < 3; ++i) offer(kIn, 0, 512);
    for (int i = 0; i < 2'000 && gated_->gate.threads() < 3; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_EQ(gated_->gate.threads(), 3u);
    gated_->gate.open();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(next().second.status, kOk);
}

TEST_F(BlkWorker, LargeReadsComeBackOnceWithAllTheirBytes) {
    use_image();
    for (int round = 0; round < 6; ++round) {
        driver_->rewind(fresh_);
        std::map<uint16_t, std::pair<uint64_t, uint32_t>> asked;
        for (uint32_t i = 0; i < 8; ++i) {
            uint64_t const sector = (static_cast<uint32_t>(round) * 8 + i) * 101 % 4096;
            uint32_t const bytes = i % 4 == 3 ? 4096 : (1000 + 300 * i) * 512;
            asked[offer(kIn, sector, bytes)] = {sector, bytes};
        }
        while (!asked.empty()) {
            auto const [head, back] = next();
            auto const what = asked.extract(head);
            ASSERT_FALSE(what.empty());
            auto const [sector, bytes] = what.mapped();
            EXPECT_EQ(back.status, kOk);
            EXPECT_EQ(back.used_bytes, bytes + 1);
            EXPECT_TRUE(back.data == content_.substr(sector * 512, bytes)) << sector << " " << bytes;
        }
    }
}

TEST_F(BlkWorker, PieceThatCannotBeReadFailsItsWholeRequest) {
    use_gated_disk();
    gated_->gate.open();
    auto const bad = offer(kIn, 0, 3000 * 512);
    auto const good = offer(kIn, kBadSector + 1, 3000 * 512);
    for (int i = 0; i < 2; ++i) {
        auto const [head, back] = next();
        ASSERT_TRUE(head == bad || head == good);
        EXPECT_EQ(back.status, head == bad ? kIoError : kOk);
        EXPECT_EQ(back.used_bytes, head == bad ? 0u : 3000 * 512 + 1);
    }
}

TEST_F(BlkWorker, LargeReadThatWaitsKeepsNobodyElseWaiting) {
    use_gated_disk();
    auto const waits = offer(kIn, kBadSector + 1, 4096 * 512);
    gated_->gate.await_somebody();
    auto const quick = offer(kOut, 0, 0, std::string(512, 'x'));
    EXPECT_EQ(next().first, quick);
    gated_->gate.open();
    EXPECT_EQ(next().first, waits);
}

TEST_F(BlkWorker, DiskForOneThreadIsUsedByOne) {
    use_gated_disk(/*concurrent=*/false);
    for (int i = 0; i < 8; ++i) offer(i % 2 == 0 ? kIn : kFlush, kBadSector + 1, i % 2 == 0 ? 2000 * 512 : 0);
    gated_->gate.await_somebody();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // for others to come, if there are any
    gated_->gate.open();
    for (int i = 0; i < 8; ++i) EXPECT_EQ(next().second.status, kOk);
    EXPECT_EQ(gated_->gate.threads(), 1u);
}

TEST_F(BlkWorker, ResetWaitsForWhatHelpersHaveUnderWay) {
    use_gated_disk();
    offer(kIn, kBadSector + 1, 3000 * 512);
    offer(kFlush, 0);
    gated_->gate.await_somebody();
    // Late, so that a reset that did not wait would be over by then.
    auto gate = must(Thread::start("gate", [this] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        gated_->gate.open();
    }));
    reset();
    EXPECT_EQ(gated_->gate.waiting(), 0);
}

TEST_F(BlkWorker, DriverThatResetsInTheMidstOfLargeReadsFindsTheDeviceAsNew) {
    use_image();
    for (int round = 0; round < 20; ++round) {
        for (uint32_t i = 0; i < 4; ++i) offer(kIn, i, 2000 * 512);
        if (round % 2 == 0) next();
        reset();
        activate();
    }
    auto const head = offer(kIn, 7, 512);
    auto const [came, back] = next();
    EXPECT_EQ(came, head);
    EXPECT_EQ(back.data, content_.substr(7 * 512, 512));
}

// A notification or an interrupt that is lost shows as a driver that waits for ever.
TEST_F(BlkWorker, EveryRequestIsAnsweredHoweverDriverAndThreadsMeet) {
    use_image();
    for (int i = 0; i < 2'000; ++i) {
        driver_->rewind(fresh_);
        auto const head = i % 16 == 0 ? offer(kIn, 0, 1024 * 512) : offer(i % 2 == 0 ? kFlush : kIn, 0, 512);
        ASSERT_EQ(next().first, head);
        for (int think = 0; think < (i % 64) * (i % 64); ++think) __builtin_ia32_pause();
    }
}

}  // namespace
}  // namespace krun::vmm
