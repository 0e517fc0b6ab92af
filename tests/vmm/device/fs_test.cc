// SPDX-License-Identifier: Apache-2.0
// The device between queue and file server, with a real server over an empty tree: every request comes back,
// whatever its shape.
#include "vmm/device/fs.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "fs/abi.h"
#include "fs/null/null_fs.h"
#include "tests/vmm/device/device_rig.h"

namespace krun::vmm {
namespace {

constexpr uint16_t kHiprio = 0;
constexpr uint16_t kRequests = 1;

class FsTest : public ::testing::Test {
protected:
    FsTest() : FsTest(1) {}
    explicit FsTest(uint16_t request_queues) {
        fs::NodeIds ids;
        auto server = std::make_shared<fs::Server>(std::make_unique<fs::NullFs>(ids));
        device_ = must(Fs::make({.tag = "krun", .server = std::move(server)}, request_queues));
        rig_ = std::make_unique<DeviceRig>(*device_);
    }
    static std::string header(fs::abi::Opcode opcode, uint32_t len_bytes, uint64_t unique = 7) {
        fs::abi::InHeader h{};
        h.len = len_bytes;
        h.opcode = opcode;
        h.unique = unique;
        h.nodeid = 1;
        return {reinterpret_cast<char const*>(&h), sizeof h};
    }
    static std::string init_request() {
        fs::abi::InitIn in{};
        in.major = 7;
        in.minor = 38;
        std::string const body(reinterpret_cast<char const*>(&in), sizeof in);
        return header(fs::abi::Opcode::kInit,
                      static_cast<uint32_t>(sizeof(fs::abi::InHeader) + body.size())) +
               body;
    }
    // The reply to INIT in a buffer of `room` bytes.
    std::optional<GuestDriver::Used> init(uint32_t room, uint16_t queue = kRequests) {
        auto chain = rig_->driver(queue).chain();
        chain.readable(init_request());
        if (room > 0) chain.writable(room);
        chain.publish();
        rig_->kick(queue);
        return rig_->driver(queue).take_used();
    }
    static fs::abi::OutHeader reply_header(std::string const& data) {
        fs::abi::OutHeader h{};
        std::memcpy(&h, data.data(), std::min(data.size(), sizeof h));
        return h;
    }

    std::unique_ptr<Fs> device_;
    std::unique_ptr<DeviceRig> rig_;
};

TEST_F(FsTest, ConfigurationIsTheTagPaddedAndTheNumberOfRequestQueues) {
    std::array<std::byte, 48> config{};
    device_->read_config(0, config);
    EXPECT_EQ(std::memcmp(config.data(), "krun\0\0\0\0", 8), 0);
    EXPECT_EQ(config[36], std::byte{1});
    EXPECT_EQ(config[40], std::byte{0});
    EXPECT_EQ(device_->queue_sizes().size(), 2u);
    EXPECT_EQ(device_->queue_sizes()[1], 1024);
}

TEST_F(FsTest, TagMustFitItsField) {
    EXPECT_FALSE(Fs::make({.tag = "", .server = nullptr}).ok());
    EXPECT_FALSE(Fs::make({.tag = std::string(37, 't'), .server = nullptr}).ok());
    auto const longest = must(Fs::make({.tag = std::string(36, 't'), .server = nullptr}));
    std::array<std::byte, 4> end{};
    longest->read_config(34, end);
    EXPECT_EQ(end[0], std::byte{'t'});
    EXPECT_EQ(end[1], std::byte{'t'});
    EXPECT_EQ(end[2], std::byte{1});
    EXPECT_FALSE(Fs::make({.tag = "t", .server = nullptr}, 0).ok());
    EXPECT_FALSE(Fs::make({.tag = "t", .server = nullptr}, 65).ok());
}

TEST_F(FsTest, RequestIsAnsweredInTheGuestsBuffer) {
    auto const reply = init(256);
    ASSERT_TRUE(reply);
    auto const h = reply_header(reply->data);
    EXPECT_EQ(h.error, 0);
    EXPECT_EQ(h.unique, 7u);
    EXPECT_EQ(h.len, reply->len_bytes);
    EXPECT_EQ(reply->len_bytes, sizeof(fs::abi::OutHeader) + sizeof(fs::abi::InitOut));
}

TEST_F(FsTest, RequestInOneByteDescriptorsIsTheSameRequest) {
    auto chain = rig_->driver(kRequests).chain();
    for (char const c : init_request()) chain.readable({&c, 1});
    for (int i = 0; i < 128; ++i) chain.writable(1);
    chain.publish();
    rig_->kick(kRequests);
    auto const reply = rig_->driver(kRequests).take_used();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply_header(reply->data).error, 0);
    EXPECT_EQ(reply->len_bytes, sizeof(fs::abi::OutHeader) + sizeof(fs::abi::InitOut));
}

// A lock that somebody has until `free`.
class LockedFs final : public fs::FileSystem {
public:
    fs::NodeId root() const override { return fs::NodeId{uint64_t{1} << fs::kPrefixShift | 1}; }
    void list_prefixes(std::vector<uint16_t>& out) const override { out.push_back(1); }
    bool host_locks() const override { return true; }
    fs::FsResult<void> setlk(fs::NodeId, fs::LockArgs const&) override {
        if (free) return {};
        return fail(Errno{EAGAIN});
    }
    bool free = false;
};

class FsLockTest : public FsTest {
protected:
    FsLockTest() {
        auto tree = std::make_unique<LockedFs>();
        tree_ = tree.get();
        rig_.reset();  // before the device it holds
        device_ = must(Fs::make({.tag = "krun", .server = std::make_shared<fs::Server>(std::move(tree))}));
        rig_ = std::make_unique<DeviceRig>(*device_);
        fs::abi::InitIn in{};
        in.major = 7;
        in.minor = 41;
        in.flags = static_cast<uint32_t>(fs::abi::kPosixLocks | fs::abi::kFlockLocks);
        send(fs::abi::Opcode::kInit, in, 1);
        rig_->driver(kRequests).take_used();
    }
    template <class Args>
    void send(fs::abi::Opcode opcode, Args const& args, uint64_t unique) {
        std::string const body(reinterpret_cast<char const*>(&args), sizeof args);
        auto chain = rig_->driver(kRequests).chain();
        chain.readable(
            header(opcode, static_cast<uint32_t>(sizeof(fs::abi::InHeader) + body.size()), unique) + body);
        chain.writable(160);
        chain.publish();
        rig_->kick(kRequests);
    }
    void wait_for_lock(uint64_t unique) {
        send(fs::abi::Opcode::kSetlkw, fs::abi::LkIn{1, unique, {0, 9, 1, 1}, 0, 0}, unique);
    }
    // The number of the request that comes back next, and its errno; 0 if none does.
    std::pair<uint64_t, int> next() {
        auto const used = rig_->driver(kRequests).take_used();
        if (!used) return {0, 0};
        auto const h = reply_header(used->data);
        return {h.unique, -h.error};
    }
    LockedFs* tree_;
};

TEST_F(FsLockTest, ALockThatWaitsStopsNobodyAndIsAnsweredWhenItIsGranted) {
    wait_for_lock(5);
    EXPECT_EQ(next().first, 0u);
    send(fs::abi::Opcode::kGetattr, fs::abi::GetattrIn{}, 6);
    EXPECT_EQ(next().first, 6u);
    EXPECT_EQ(next().first, 0u);
    tree_->free = true;
    send(fs::abi::Opcode::kGetattr, fs::abi::GetattrIn{}, 7);
    EXPECT_EQ(next().first, 7u);
    EXPECT_EQ(next(), std::pair(uint64_t{5}, 0));
}

TEST_F(FsLockTest, OnlySoManyWait) {
    for (uint64_t unique = 100; unique < 164; ++unique) wait_for_lock(unique);
    EXPECT_EQ(next().first, 0u);
    wait_for_lock(200);
    EXPECT_EQ(next(), std::pair(uint64_t{200}, ENOLCK));
}

TEST_F(FsLockTest, NobodyWaitsAfterAReset) {
    wait_for_lock(5);
    rig_->restart();
    tree_->free = true;
    send(fs::abi::Opcode::kGetattr, fs::abi::GetattrIn{}, 6);
    EXPECT_EQ(next().first, 6u);
    EXPECT_EQ(next().first, 0u);
}

TEST_F(FsTest, ForgetOnTheHighPriorityQueueHasNoReply) {
    ASSERT_TRUE(init(256));
    uint64_t const lookups = 1;
    std::string const body(reinterpret_cast<char const*>(&lookups), sizeof lookups);
    auto const len = static_cast<uint32_t>(sizeof(fs::abi::InHeader) + sizeof lookups);
    rig_->driver(kHiprio).chain().readable(header(fs::abi::Opcode::kForget, len) + body).publish();
    rig_->kick(kHiprio);
    auto const used = rig_->driver(kHiprio).take_used();
    ASSERT_TRUE(used) << "the buffer itself comes back";
    EXPECT_EQ(used->len_bytes, 0u);
}

TEST_F(FsTest, ReplyNeverExceedsTheRoomForIt) {
    for (uint32_t room = 0; room <= sizeof(fs::abi::OutHeader) + sizeof(fs::abi::InitOut); ++room) {
        rig_->restart();
        auto const reply = init(room);
        ASSERT_TRUE(reply) << room;
        EXPECT_LE(reply->len_bytes, room);
    }
    EXPECT_EQ(rig_->broken_rule(), "");
}

TEST_F(FsTest, LengthThatDisagreesWithTheDescriptorsComesBack) {
    ASSERT_TRUE(init(256));
    auto const actual = static_cast<uint32_t>(sizeof(fs::abi::InHeader));
    for (uint32_t const claimed : {0u, 1u, actual - 1, actual + 1, 0xffff'ffffu}) {
        for (uint32_t opcode = 0; opcode < 64; ++opcode) {
            rig_->driver(kRequests)
                .chain()
                .readable(header(static_cast<fs::abi::Opcode>(opcode), claimed))
                .writable(64)
                .publish();
            rig_->kick(kRequests);
            auto const reply = rig_->driver(kRequests).take_used();
            ASSERT_TRUE(reply) << opcode;
            EXPECT_LE(reply->len_bytes, sizeof(fs::abi::OutHeader)) << opcode << " len " << claimed;
            EXPECT_LE(reply_header(reply->data).error, 0);
        }
    }
    EXPECT_EQ(rig_->broken_rule(), "");
}

TEST_F(FsTest, RequestShorterThanAHeaderComesBackEmpty) {
    for (uint32_t len = 0; len < sizeof(fs::abi::InHeader); ++len) {
        auto chain = rig_->driver(kRequests).chain();
        if (len > 0) chain.readable(init_request().substr(0, len));
        chain.writable(64).publish();
        rig_->kick(kRequests);
        ASSERT_TRUE(rig_->driver(kRequests).take_used()) << len;
    }
    EXPECT_EQ(rig_->broken_rule(), "");
}

TEST_F(FsTest, ManyRequestsAreAnsweredAtOneNotification) {
    ASSERT_TRUE(init(256));
    auto const len = static_cast<uint32_t>(sizeof(fs::abi::InHeader));
    for (int i = 0; i < 100; ++i)
        rig_->driver(kRequests)
            .chain()
            .readable(header(static_cast<fs::abi::Opcode>(9999), len, 100u + static_cast<unsigned>(i)))
            .writable(64)
            .publish();
    rig_->kick(kRequests);
    for (uint64_t i = 0; i < 100; ++i) {
        auto const reply = rig_->driver(kRequests).take_used();
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply_header(reply->data).unique, 100 + i);
        EXPECT_EQ(reply_header(reply->data).error, -ENOSYS);
    }
}

TEST_F(FsTest, ResetForgetsTheSession) {
    ASSERT_TRUE(init(256));
    rig_->restart();
    auto const reply = init(256);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply_header(reply->data).error, 0) << "INIT is the first request again";
}

class FsQueuesTest : public FsTest {
protected:
    FsQueuesTest() : FsTest(4) {}
};

TEST_F(FsQueuesTest, EachRequestQueueIsServed) {
    EXPECT_EQ(device_->queue_sizes().size(), 5u);
    for (uint16_t queue = 1; queue <= 4; ++queue) {
        auto const reply = init(256, queue);
        ASSERT_TRUE(reply) << queue;
        EXPECT_EQ(reply_header(reply->data).unique, 7u);
    }
}

}  // namespace
}  // namespace krun::vmm
