// SPDX-License-Identifier: Apache-2.0
// The device on its own threads, as a machine runs it: a driver that notifies only when asked, requests that
// wait, and a reset in the midst of them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>

#include "base/fd.h"
#include "fs/abi.h"
#include "fs/file_system.h"
#include "fs/server.h"
#include "tests/support/gate.h"
#include "tests/support/guest_driver.h"
#include "tests/support/interrupt_line.h"
#include "tests/support/mmio_driver.h"
#include "vmm/device/fs.h"
#include "vmm/virtio/features.h"
#include "vmm/virtio/worker.h"

namespace krun::vmm {
namespace {

namespace abi = fs::abi;

// Its fsync, statfs and reads from the disk wait until somebody has asked for attributes, or the test opens
// the gate. Nothing of it is in memory.
class GatedFs final : public fs::FileSystem {
public:
    fs::NodeId root() const override { return fs::NodeId{uint64_t{1} << fs::kPrefixShift | 1}; }
    void list_prefixes(std::vector<uint16_t>& out) const override { out.push_back(1); }
    fs::FsResult<fs::Attributes> getattr(fs::NodeId, std::optional<fs::Handle>) override {
        gate.open();
        return fs::Attributes{};
    }
    fs::FsResult<void> fsync(fs::NodeId, fs::Handle, fs::Sync) override {
        gate.pass();
        return {};
    }
    fs::FsResult<abi::Kstatfs> statfs(fs::NodeId) override {
        gate.pass();
        return abi::Kstatfs{};
    }
    fs::FsResult<size_t> read(fs::NodeId, fs::Handle, uint64_t, std::span<iovec const>) override {
        gate.pass();
        return size_t{0};
    }
    fs::FsResult<size_t> read_now(fs::NodeId, fs::Handle, uint64_t, std::span<iovec const>) override {
        return fail(Errno{EAGAIN});
    }
    bool host_locks() const override { return true; }
    // Somebody else has every lock.
    fs::FsResult<void> setlk(fs::NodeId, fs::LockArgs const&) override { return fail(Errno{EAGAIN}); }
    void forget(fs::NodeId, uint64_t) override { forgotten.fetch_add(1); }
    void destroy() override { waiting_at_destroy_.store(gate.waiting()); }
    int waiting_at_destroy() const { return waiting_at_destroy_.load(); }

    Gate gate;
    std::atomic<int> forgotten{0};

private:
    std::atomic<int> waiting_at_destroy_{-1};
};

class FsWorker : public ::testing::Test {
protected:
    static constexpr uint64_t kRoom = 8 << 20;

    explicit FsWorker(uint16_t request_queues = 1) {
        auto tree = std::make_unique<GatedFs>();
        tree_ = tree.get();
        auto server = std::make_shared<fs::Server>(std::move(tree));
        auto made = must(Fs::make({"krun", std::move(server)}, request_queues));
        auto const& device = *made;
        worker_ = must(Worker::make(std::move(made), interrupt_));
        must(worker_->start());
        // Without helpers the device's own thread waits for the gate.
        while (device.helpers_running() < device.helpers()) std::this_thread::yield();
        Worker::Queues queues;
        queues.emplace_back(hiprio_.make_queue());
        queues.emplace_back(driver_.make_queue());
        if (request_queues == 2) queues.emplace_back(second_.make_queue());
        worker_->activate(std::move(queues), kTransportFeatures);
        abi::InitIn in{};
        in.major = abi::kMajor;
        in.minor = abi::kMinor;
        in.flags = abi::kPosixLocks;
        offer(abi::Opcode::kInit, in);
        next();
    }
    ~FsWorker() override {
        tree_->gate.open();
        worker_->stop();
    }

    // As Linux: the index, then the device's wish, then perhaps a notification.
    template <class Args>
    uint16_t offer(abi::Opcode opcode, Args const& args, uint32_t padding_bytes = 0, uint16_t queue = 1) {
        auto& driver = queue == 0 ? hiprio_ : queue == 1 ? driver_ : second_;
        abi::InHeader header{};
        header.len = static_cast<uint32_t>(sizeof header + sizeof args + padding_bytes);
        header.opcode = opcode;
        header.nodeid = 1;
        auto chain = driver.chain();
        chain.readable_pod(header).readable_pod(args);
        if (padding_bytes > 0) chain.readable(std::string(padding_bytes, 'x'));
        if (opcode != abi::Opcode::kForget) chain.writable(160);
        auto const head = chain.indirect().publish();
        std::atomic_ref(fence_).fetch_add(1);
        if (static_cast<uint16_t>(driver.available_index() - 1) == driver.available_event())
            worker_->ring(queue);
        return head;
    }
    void forget() {
        while (hiprio_.take_used()) continue;
        offer(abi::Opcode::kForget, abi::ForgetIn{1}, 0, 0);
    }
    // How many more FORGETs the driver may put into its queue without a notification.
    int may_lag() const {
        return static_cast<uint16_t>(hiprio_.available_event() - hiprio_.available_index());
    }
    bool are_forgotten(int count) {
        return MmioDriver::eventually([&] { return tree_->forgotten.load() == count; });
    }
    // The head of the next chain that comes back; none if nothing does.
    uint16_t next(uint16_t queue = 1) {
        auto& driver = queue == 1 ? driver_ : second_;
        while (true) {
            if (auto const used = driver.take_used()) return used->head;
            driver.set_used_event(driver.used_index());
            std::atomic_ref(fence_).fetch_add(1);
            if (auto const used = driver.take_used()) return used->head;
            pollfd line{line_.event().raw(), POLLIN, 0};
            if (::poll(&line, 1, 20'000) != 1) return UINT16_MAX;
            eventfd_t count = 0;
            ::eventfd_read(line_.event().raw(), &count);
        }
    }

    GuestMemory ram_ = small_ram(3 * kRoom + (1 << 20));
    GuestDriver hiprio_{ram_, {.size = 64, .event_idx = true}};
    GuestDriver driver_{
        ram_, {.base = GuestAddr{1 << 20}, .room_bytes = 2 * kRoom - 1, .size = 64, .event_idx = true}};
    GuestDriver second_{
        ram_, {.base = GuestAddr{(1 << 20) + 2 * kRoom}, .room_bytes = kRoom, .size = 64, .event_idx = true}};
    InterruptLine line_;
    Interrupt interrupt_{line_.edge()};
    uint64_t fence_ = 0;
    GatedFs* tree_ = nullptr;
    std::unique_ptr<Worker> worker_;
};

// A notification or an interrupt that is lost shows as a driver that waits for ever.
TEST_F(FsWorker, EveryRequestIsAnsweredHoweverDriverAndWorkerMeet) {
    for (int i = 0; i < 20'000; ++i) {
        auto const head = offer(abi::Opcode::kGetattr, abi::GetattrIn{});
        ASSERT_EQ(next(), head);
        for (int think = 0; think < (i % 64) * (i % 64); ++think) __builtin_ia32_pause();
    }
}

TEST_F(FsWorker, EveryForgetIsServedAlthoughTheDriverNotifiesOfFewOfThem) {
    for (int i = 1; i <= 30; ++i) {
        for (int j = 0; j < 10; ++j) forget();
        if (i % 10 == 0) {
            ASSERT_TRUE(are_forgotten(10 * i)) << tree_->forgotten.load();
        } else {
            auto const head = offer(abi::Opcode::kGetattr, abi::GetattrIn{});
            ASSERT_EQ(next(), head);
        }
    }
}

TEST_F(FsWorker, TheDriverNotifiesOfSeveralForgetsWhileTheWorkerIsBusyAndOfOneAfterwards) {
    bool lagged = false;
    for (int i = 1; i <= 1000 && !lagged; ++i) {  // a slow test may look when it is over
        forget();
        ASSERT_TRUE(are_forgotten(i));
        lagged = may_lag() == hiprio_.layout().size / 4;
    }
    EXPECT_TRUE(lagged);
    EXPECT_TRUE(MmioDriver::eventually([&] { return may_lag() == 0; }));
}

TEST_F(FsWorker, AForgetWithoutANotificationIsServedAlthoughAWaitForALockWakesTheWorker) {
    abi::LkIn lock{};
    lock.lk.type = F_WRLCK;
    offer(abi::Opcode::kSetlkw, lock);
    for (int i = 1; i <= 5; ++i) {
        forget();
        ASSERT_TRUE(are_forgotten(i)) << "that the driver need not notify of: " << may_lag();
    }
}

TEST_F(FsWorker, ARequestThatWaitsForTheDiskKeepsNobodyElseWaiting) {
    auto const waits = offer(abi::Opcode::kFsync, abi::FsyncIn{});
    auto const quick = offer(abi::Opcode::kGetattr, abi::GetattrIn{});
    EXPECT_EQ(next(), quick);
    EXPECT_EQ(next(), waits);
}

TEST_F(FsWorker, AReadFromTheDiskKeepsNobodyElseWaiting) {
    auto const waits = offer(abi::Opcode::kRead, abi::ReadIn{0, 0, 4096, 0, 0, 0, 0});
    auto const quick = offer(abi::Opcode::kGetattr, abi::GetattrIn{});
    EXPECT_EQ(next(), quick);
    EXPECT_EQ(next(), waits);
}

TEST_F(FsWorker, LargeRequestsThatComeTogetherAllComeBack) {
    std::vector<uint16_t> offered, answered;
    for (int i = 0; i < 16; ++i) offered.push_back(offer(abi::Opcode::kWrite, abi::WriteIn{}, 100'000));
    for (size_t i = 0; i < offered.size(); ++i) answered.push_back(next());
    std::sort(offered.begin(), offered.end());
    std::sort(answered.begin(), answered.end());
    EXPECT_EQ(answered, offered);
}

TEST_F(FsWorker, ResetWaitsForWhatHelpersHaveUnderWay) {
    offer(abi::Opcode::kFsync, abi::FsyncIn{});
    tree_->gate.await_somebody();
    // Late, so that a reset that did not wait would be over by then.
    auto gate = must(Thread::start("gate", [this] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        tree_->gate.open();
    }));
    worker_->reset();
    EXPECT_EQ(tree_->waiting_at_destroy(), 0);
}

class FsLanes : public FsWorker {
protected:
    FsLanes() : FsWorker(2) {}
};

TEST_F(FsLanes, WhateverARequestWaitsForTheOtherQueueIsServed) {
    auto const waits = offer(abi::Opcode::kStatfs, abi::GetattrIn{});
    tree_->gate.await_somebody();
    auto const quick = offer(abi::Opcode::kGetattr, abi::GetattrIn{}, 0, 2);
    EXPECT_EQ(next(2), quick);
    EXPECT_EQ(next(1), waits);
}

TEST_F(FsLanes, WhatAHelperDidGoesBackToTheQueueItCameFrom) {
    auto const waits = offer(abi::Opcode::kFsync, abi::FsyncIn{}, 0, 2);
    tree_->gate.await_somebody();
    auto const quick = offer(abi::Opcode::kGetattr, abi::GetattrIn{});
    EXPECT_EQ(next(1), quick);
    EXPECT_EQ(next(2), waits);
}

TEST_F(FsLanes, EveryRequestIsAnsweredOnBothQueues) {
    for (int i = 0; i < 10'000; ++i) {
        auto const first = offer(abi::Opcode::kGetattr, abi::GetattrIn{});
        auto const second = offer(abi::Opcode::kGetattr, abi::GetattrIn{}, 0, 2);
        ASSERT_EQ(next(2), second);
        ASSERT_EQ(next(1), first);
        for (int think = 0; think < (i % 64) * (i % 64); ++think) __builtin_ia32_pause();
    }
}

TEST_F(FsLanes, ResetWaitsForEveryQueue) {
    offer(abi::Opcode::kStatfs, abi::GetattrIn{}, 0, 2);
    tree_->gate.await_somebody();
    // Late, so that a reset that did not wait would be over by then.
    auto gate = must(Thread::start("gate", [this] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        tree_->gate.open();
    }));
    worker_->reset();
    EXPECT_EQ(tree_->waiting_at_destroy(), 0);
}

TEST(FsQueues, ThereAreAsManyAsTheGuestAndTheHostCanUse) {
    EXPECT_EQ(Fs::useful_queues(1, 64), 1);
    EXPECT_EQ(Fs::useful_queues(3, 64), 3);
    EXPECT_EQ(Fs::useful_queues(64, 64), 4);
    EXPECT_EQ(Fs::useful_queues(8, 4), 2);
    EXPECT_EQ(Fs::useful_queues(8, 1), 1);
}

}  // namespace
}  // namespace krun::vmm
