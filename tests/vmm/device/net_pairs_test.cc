// SPDX-License-Identifier: Apache-2.0
// An interface with several pairs of queues (virtio-v1.2 §5.1.6.5.5): what is offered, the command that says
// how many are used, and the threads that serve them.
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "base/fd.h"
#include "tests/vmm/device/device_rig.h"
#include "tests/vmm/device/net_wire.h"
#include "vmm/device/net.h"
#include "vmm/virtio/features.h"
#include "vmm/virtio/worker.h"

namespace krun::vmm {
namespace {

constexpr std::array<uint8_t, 6> kMac{2, 4, 6, 8, 10, 12};
constexpr uint64_t kOnePair = ~kNetFeatureMultiQueue;

uint16_t receive_queue(uint16_t pair) {
    return static_cast<uint16_t>(2 * pair);
}
uint16_t transmit_queue(uint16_t pair) {
    return static_cast<uint16_t>(2 * pair + 1);
}

std::string frame_of(char filling) {
    return std::string(60, filling);
}

std::string pairs_command(uint16_t pairs) {
    return {'\4', '\0', static_cast<char>(pairs & 0xff), static_cast<char>(pairs >> 8)};
}

class NetPairsTest : public ::testing::Test {
protected:
    // A place with room for `places` pairs, and a back-end that has `carried`.
    void plug(uint16_t places, uint16_t carried, uint64_t accepted = ~uint64_t{0}) {
        net_ = must(Net::make(0, places));
        wires_ = std::vector<Wire>(carried);
        NetInterface interface { kMac, 1500, wires_[0].backend() };
        for (size_t i = 1; i < wires_.size(); ++i) interface.more.push_back(wires_[i].backend());
        ASSERT_TRUE(net_->plug(std::move(interface)));
        rig_ = std::make_unique<DeviceRig>(*net_, accepted);
    }
    NetConfig config() const {
        NetConfig out{};
        net_->read_config(0, std::as_writable_bytes(std::span(&out, 1)));
        return out;
    }
    // The answer to a command on queue `index`; 99: none.
    uint8_t command(uint16_t index, std::string_view bytes) {
        auto& driver = rig_->driver(index);
        driver.chain().readable(bytes).writable(1).publish();
        rig_->kick(index);
        auto const used = driver.take_used();
        return used && used->data.size() == 1 ? static_cast<uint8_t>(used->data[0]) : uint8_t{99};
    }
    void send(uint16_t pair, char filling) {
        NetHeader const header{};
        std::string_view const bytes(reinterpret_cast<char const*>(&header), sizeof header);
        rig_->driver(transmit_queue(pair)).chain().readable(bytes).readable(frame_of(filling)).publish();
        rig_->kick(transmit_queue(pair));
    }
    void offer(uint16_t pair) {
        for (int i = 0; i < 40; ++i) rig_->driver(receive_queue(pair)).chain().writable(2000).publish();
        rig_->kick(receive_queue(pair));
    }
    std::vector<bool> attached() const {
        std::vector<bool> out;
        for (size_t i = 1; i < wires_.size(); ++i) out.push_back(wires_[i].is_attached());
        return out;
    }

    std::vector<Wire> wires_;
    std::unique_ptr<Net> net_;
    std::unique_ptr<DeviceRig> rig_;
};

TEST_F(NetPairsTest, ABackEndWithOneStreamHasOnePairAndNoWordOfOthers) {
    plug(4, 1);
    EXPECT_EQ(net_->features() & kNetFeatureMultiQueue, 0u);
    EXPECT_EQ(config().max_queue_pairs, 0);
    EXPECT_EQ(command(Net::kControl, pairs_command(1)), kNetCommandFailed);
    EXPECT_EQ(command(Net::kControl, {"\0\0\1", 3}), kNetCommandDone);
}

TEST_F(NetPairsTest, APlaceForOnePairIsAsItWasWhateverTheBackEndCarries) {
    plug(1, 4);
    EXPECT_EQ(net_->queue_sizes().size(), 3u);
    EXPECT_EQ(net_->features() & kNetFeatureMultiQueue, 0u);
    EXPECT_TRUE(net_->take_lanes().empty());
}

TEST_F(NetPairsTest, AsManyAreOfferedAsThePlaceHasRoomForAndTheBackEndCarries) {
    for (auto const& [places, carried, offered] : {std::array<uint16_t, 3>{4, 2, 2}, {2, 4, 2}, {4, 4, 4}}) {
        rig_.reset();
        plug(places, carried);
        EXPECT_NE(net_->features() & kNetFeatureMultiQueue, 0u);
        EXPECT_EQ(config().max_queue_pairs, offered);
        EXPECT_EQ(net_->queue_sizes().size(), 2u * places + 1);
    }
}

TEST_F(NetPairsTest, ADriverThatTakesOnePairHasItsCommandsBehindIt) {
    plug(4, 4, kOnePair);
    EXPECT_EQ(command(Net::kControl, {"\0\0\1", 3}), kNetCommandDone);
    EXPECT_EQ(command(Net::kControl, pairs_command(2)), kNetCommandFailed);
    send(0, 'a');
    EXPECT_EQ(wires_[0].receive()->frame, frame_of('a'));
    send(2, 'b');
    EXPECT_FALSE(wires_[2].receive());
    EXPECT_EQ(rig_->broken_rule(), "");
}

TEST_F(NetPairsTest, EachPairHasItsOwnFrames) {
    plug(3, 3);
    ASSERT_EQ(command(6, pairs_command(3)), kNetCommandDone);
    for (uint16_t pair = 0; pair < 3; ++pair) {
        auto const filling = static_cast<char>('a' + pair);
        send(pair, filling);
        auto const arrived = wires_[pair].receive();
        ASSERT_TRUE(arrived);
        EXPECT_EQ(arrived->frame, frame_of(filling));
        offer(pair);
        wires_[pair].send(frame_of(filling));
        rig_->turn();
        auto const used = rig_->driver(receive_queue(pair)).take_used();
        ASSERT_TRUE(used);
        EXPECT_EQ(used->data.substr(sizeof(NetHeader)), frame_of(filling));
    }
}

TEST_F(NetPairsTest, UntilTheCommandAndAfterAResetTheFirstPairIsAllThatReceives) {
    plug(4, 4);
    EXPECT_EQ(attached(), (std::vector{false, false, false}));
    EXPECT_EQ(command(8, pairs_command(3)), kNetCommandDone);
    EXPECT_EQ(attached(), (std::vector{true, true, false}));
    EXPECT_EQ(command(8, pairs_command(2)), kNetCommandDone);
    EXPECT_EQ(attached(), (std::vector{true, false, false}));
    rig_->restart();
    EXPECT_EQ(attached(), (std::vector{false, false, false}));
    EXPECT_EQ(command(8, pairs_command(4)), kNetCommandDone);
    EXPECT_EQ(attached(), (std::vector{true, true, true}));
}

TEST_F(NetPairsTest, ANumberOfPairsThatThereIsNotChangesNothing) {
    plug(4, 3);
    ASSERT_EQ(command(6, pairs_command(2)), kNetCommandDone);
    for (auto const pairs : std::array<uint16_t, 4>{0, 4, 0x8000, 0xffff})
        EXPECT_EQ(command(6, pairs_command(pairs)), kNetCommandFailed) << pairs;
    for (auto const& bytes : {std::string{4}, std::string{4, 0}, std::string{4, 0, 1},
                              std::string{4, 1, 1, 0}, std::string{4, 2, 1, 0}})
        EXPECT_EQ(command(6, bytes), kNetCommandFailed) << bytes.size();
    EXPECT_EQ(attached(), (std::vector{true, false}));
    EXPECT_EQ(rig_->broken_rule(), "");
}

TEST_F(NetPairsTest, APairThatTheBackEndCannotAttachFailsTheCommand) {
    plug(3, 3);
    wires_[2].cut();
    EXPECT_EQ(command(6, pairs_command(3)), kNetCommandFailed);
    EXPECT_EQ(attached(), (std::vector{true, false}));
    EXPECT_EQ(command(6, pairs_command(1)), kNetCommandDone);
    EXPECT_EQ(attached(), (std::vector{false, false}));
}

TEST_F(NetPairsTest, TheLinkGoesDownOnceWhicheverPairSeesItsEnd) {
    plug(2, 2);
    offer(1);
    wires_[1].hang_up();
    EXPECT_TRUE(rig_->turn_until([&] { return config().status == 0; }));
    offer(0);
    wires_[0].hang_up();
    rig_->turn();
    EXPECT_EQ(rig_->config_changes(), 1);
    for (uint16_t pair = 0; pair < 2; ++pair) {
        send(pair, 'a');
        EXPECT_TRUE(rig_->driver(transmit_queue(pair)).take_used());
    }
    EXPECT_EQ(command(4, pairs_command(2)), kNetCommandDone);
}

// Holds what it has been asked for until the test says so.
class GatedBackend final : public NetBackend {
public:
    uint64_t offloads() const override { return 0; }
    Result<void> use(uint64_t /*offloads*/) override { return {}; }
    BorrowedFd fd() const override { return event_.borrow(); }
    Outcome send(std::span<iovec const> /*parts*/) override { return Outcome::kMoved; }
    Transfer receive(std::span<iovec const> parts) override {
        std::unique_lock lock(mutex_);
        if (given_) return {Outcome::kBlocked, 0};
        given_ = asked_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return open_; });
        return {Outcome::kMoved, std::min<size_t>(parts.front().iov_len, 72)};
    }
    void await_question() {
        std::unique_lock lock(mutex_);
        ::eventfd_write(event_.borrow().raw(), 1);
        changed_.wait_for(lock, std::chrono::seconds(20), [this] { return asked_; });
    }
    void open() {
        std::unique_lock const lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }

private:
    UniqueFd event_ = must(make_eventfd());
    std::mutex mutex_;
    std::condition_variable changed_;
    bool asked_ = false, open_ = false, given_ = false;
};

// The device on its own threads, as a machine runs it.
class NetLanes : public ::testing::Test {
protected:
    static constexpr uint64_t kRoom = 1 << 20;

    ~NetLanes() override { worker_->stop(); }

    void start(std::unique_ptr<NetBackend> first, std::unique_ptr<NetBackend> second, uint64_t accepted) {
        auto net = must(Net::make(0, 2));
        NetInterface interface { kMac, 1500, std::move(first) };
        interface.more.push_back(std::move(second));
        net->plug(std::move(interface));
        uint64_t const features = net->features() & accepted;
        worker_ = must(Worker::make(std::move(net), interrupt_));
        must(worker_->start());
        Worker::Queues queues;
        for (uint16_t i = 0; i < 5; ++i) {
            drivers_.push_back(std::make_unique<GuestDriver>(
                ram_, DriverOptions{.base = GuestAddr{(i + 1) * kRoom}, .room_bytes = kRoom, .size = 64}));
            queues.emplace_back(drivers_.back()->make_queue());
        }
        worker_->activate(std::move(queues), features | kTransportFeatures);
    }
    template <class Done>
    static bool within_time(Done done) {
        for (int i = 0; i < 2000; ++i) {
            if (done()) return true;
            ::poll(nullptr, 0, 10);
        }
        return false;
    }
    uint16_t publish(uint16_t queue, std::string_view readable, uint32_t writable) {
        auto chain = drivers_[queue]->chain();
        if (!readable.empty()) chain.readable(readable);
        if (writable > 0) chain.writable(writable);
        auto const head = chain.publish();
        worker_->ring(queue);
        return head;
    }
    // Empty: none comes.
    std::string answer(uint16_t queue) {
        std::optional<GuestDriver::Used> used;
        within_time([&] { return (used = drivers_[queue]->take_used()).has_value(); });
        return used ? used->data : "";
    }

    GuestMemory ram_ = small_ram(6 * kRoom);
    Interrupt interrupt_{[] {}};  // what comes back is looked for
    std::vector<std::unique_ptr<GuestDriver>> drivers_;
    std::unique_ptr<Worker> worker_;
};

TEST_F(NetLanes, EachPairAndTheCommandsAreServed) {
    std::array<Wire, 2> wires;
    start(wires[0].backend(), wires[1].backend(), ~uint64_t{0});
    publish(4, pairs_command(2), 1);
    EXPECT_EQ(answer(4), std::string(1, '\0'));
    for (uint16_t pair = 0; pair < 2; ++pair) {
        publish(transmit_queue(pair), std::string(12, '\0') + frame_of('x'), 0);
        std::optional<Wire::Arrived> arrived;
        EXPECT_TRUE(within_time([&] { return (arrived = wires[pair].receive()).has_value(); }));
        for (int i = 0; i < 17; ++i) publish(receive_queue(pair), "", 4096);
        wires[pair].send(frame_of('y'));
        EXPECT_EQ(answer(receive_queue(pair)).size(), sizeof(NetHeader) + 60);
    }
}

// Then the queue with the commands is one that the second pair would have.
TEST_F(NetLanes, ADriverThatTakesOnePairIsServedByTheThreads) {
    std::array<Wire, 2> wires;
    start(wires[0].backend(), wires[1].backend(), kOnePair);
    publish(2, {"\0\0\1", 3}, 1);
    EXPECT_EQ(answer(2), std::string(1, '\0'));
    worker_->reset();
    EXPECT_FALSE(wires[1].is_attached());
}

// §5.1.6.5.5.2: once the command has been answered, nothing comes on a queue that is out of use.
TEST_F(NetLanes, AFrameThatIsOnItsWayArrivesBeforeItsPairGoesOutOfUse) {
    auto gated = std::make_unique<GatedBackend>();
    auto* const gate = gated.get();
    Wire wire;
    start(wire.backend(), std::move(gated), ~uint64_t{0});
    publish(4, pairs_command(2), 1);
    ASSERT_EQ(answer(4), std::string(1, '\0'));
    for (int i = 0; i < 17; ++i) publish(receive_queue(1), "", 4096);
    gate->await_question();
    publish(4, pairs_command(1), 1);
    ::poll(nullptr, 0, 20);  // a device that does not wait would have answered by then
    EXPECT_FALSE(drivers_[4]->take_used());
    gate->open();
    EXPECT_EQ(answer(4), std::string(1, '\0'));
    EXPECT_TRUE(drivers_[receive_queue(1)]->take_used());
}

}  // namespace
}  // namespace krun::vmm
