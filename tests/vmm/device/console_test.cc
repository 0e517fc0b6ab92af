// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/console.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/vmm/device/device_rig.h"
#include "vmm/device/console_protocol.h"

namespace krun::vmm {
namespace {

std::span<std::byte const> bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
}

class ConsoleTest : public ::testing::Test {
protected:
    // Makes the device with ports "", "agent", … and a driver that accepts everything.
    void make(size_t ports, Console::Multiport multiport = Console::Multiport::kIfManyPorts,
              uint64_t accepted = ~uint64_t{0}) {
        output_.resize(ports);
        std::vector<ConsolePort> specs;
        for (size_t i = 0; i < ports; ++i)
            specs.push_back({i == 0 ? "" : "agent" + std::to_string(i), [this, i](auto part) {
                                 largest_write_ = std::max(largest_write_, part.size());
                                 output_[i].append(reinterpret_cast<char const*>(part.data()), part.size());
                             }});
        console_ = must(Console::make(std::move(specs), multiport));
        rig_ = std::make_unique<DeviceRig>(*console_, accepted);
    }
    void print(uint32_t port, std::string_view text) {
        uint16_t const queue = console_queue_to_host(port);
        rig_->driver(queue).chain().readable(text).publish();
        rig_->kick(queue);
    }
    void tell(uint32_t id, ConsoleEvent event, uint16_t value) {
        rig_->driver(kControlToHost)
            .chain()
            .readable_pod(ConsoleControl{id, static_cast<uint16_t>(event), value})
            .publish();
        rig_->kick(kControlToHost);
    }
    void offer(uint16_t queue, uint32_t len_bytes = 512) {
        rig_->driver(queue).chain().writable(len_bytes).publish();
        rig_->kick(queue);
    }
    void offer_control(int count = 16) {
        for (int i = 0; i < count; ++i) offer(kControlToGuest);
    }
    // The control messages to the guest, as "event:id:value" and the text behind, in order.
    std::string control() {
        std::string all;
        while (auto used = rig_->driver(kControlToGuest).take_used()) {
            ConsoleControl m{};
            std::memcpy(&m, used->data.data(), std::min(used->data.size(), sizeof m));
            if (!all.empty()) all += ' ';
            all += std::to_string(m.event) + ':' + std::to_string(m.id) + ':' + std::to_string(m.value);
            if (used->data.size() > sizeof m) all += ':' + used->data.substr(sizeof m);
        }
        return all;
    }
    std::string config() {
        std::array<std::byte, 12> raw{};
        console_->read_config(0, raw);
        std::string out;
        for (auto const b : raw) out += std::to_string(static_cast<int>(b)) + ' ';
        return out;
    }
    std::string input(uint32_t port) {
        auto const used = rig_->driver(console_queue_to_guest(port)).take_used();
        return used ? used->data : "";
    }

    std::vector<std::string> output_;
    size_t largest_write_ = 0;
    std::unique_ptr<Console> console_;
    std::unique_ptr<DeviceRig> rig_;
};

TEST_F(ConsoleTest, OnePortHasTwoQueuesAndNoMultiport) {
    make(1);
    EXPECT_EQ(console_->queue_sizes().size(), 2u);
    EXPECT_EQ(console_->features(), kConsoleFeatureSize);
}

TEST_F(ConsoleTest, MultiportIsOfferedWhenAskedForOrNeeded) {
    make(1, Console::Multiport::kAlways);
    EXPECT_EQ(console_->queue_sizes().size(), 4u);
    EXPECT_EQ(console_->features(), kConsoleFeatureSize | kConsoleFeatureMultiport);
    rig_.reset();
    make(3);
    EXPECT_EQ(console_->queue_sizes().size(), 8u);
}

TEST_F(ConsoleTest, PortsWithoutEndOrNoneAreRefused) {
    EXPECT_FALSE(Console::make({}).ok());
    EXPECT_FALSE(Console::make(std::vector<ConsolePort>(Console::kMaxPorts + 1)).ok());
    std::vector<ConsolePort> long_name(2);
    long_name[1].name = std::string(257, 'n');
    EXPECT_FALSE(Console::make(std::move(long_name)).ok());
}

TEST_F(ConsoleTest, OutputArrivesInOrder) {
    make(1);
    print(0, "Linux version 6.12");
    print(0, "\n");
    EXPECT_EQ(output_[0], "Linux version 6.12\n");
    auto const used = rig_->driver(1).take_used();
    ASSERT_TRUE(used);
    EXPECT_EQ(used->len_bytes, 0u);
}

TEST_F(ConsoleTest, OutputInManyDescriptorsIsOneText) {
    make(1);
    rig_->driver(1).chain().readable("ab").readable("c").readable("def").writable(8).publish();
    rig_->kick(1);
    EXPECT_EQ(output_[0], "abcdef");
}

TEST_F(ConsoleTest, ChainThatNamesOnePageOftenIsCut) {
    make(1);
    GuestAddr const page = rig_->driver(1).allocate(256 * 1024);
    auto chain = rig_->driver(1).chain();
    for (int i = 0; i < 8; ++i) chain.part(page, 256 * 1024, 0);  // 2 MiB
    chain.publish();
    rig_->kick(1);
    EXPECT_EQ(output_[0].size(), size_t{1} << 20);
    EXPECT_LE(largest_write_, 4096u);
    EXPECT_TRUE(rig_->driver(1).take_used()) << "and is returned all the same";
}

TEST_F(ConsoleTest, InputWaitsForABufferAndFillsIt) {
    make(1);
    EXPECT_EQ(console_->send(0, bytes("hello")), 5u);
    rig_->turn();
    offer(0, 3);
    EXPECT_EQ(input(0), "hel");
    offer(0, 64);
    EXPECT_EQ(input(0), "lo");
}

TEST_F(ConsoleTest, InputThatComesLaterWakesTheDevice) {
    make(1);
    offer(0, 64);
    EXPECT_EQ(input(0), "");
    console_->send(0, bytes("late"));
    rig_->turn();
    EXPECT_EQ(input(0), "late");
}

TEST_F(ConsoleTest, InputThatNobodyReadsIsBounded) {
    make(1);
    size_t taken = 0;
    for (int i = 0; i < 100; ++i) taken += console_->send(0, bytes(std::string(1 << 20, 'x')));
    EXPECT_EQ(taken, Console::kMaxInputBytes);
}

TEST_F(ConsoleTest, SizeIsInTheConfigurationBeforeAndAfterActivation) {
    std::vector<ConsolePort> specs(1);
    specs[0].write = [](auto) {};
    console_ = must(Console::make(std::move(specs)));
    console_->resize(0, {.columns = 80, .rows = 25});  // no driver yet
    EXPECT_EQ(config(), "80 0 25 0 1 0 0 0 0 0 0 0 ");
    rig_ = std::make_unique<DeviceRig>(*console_);
    rig_->turn();
    console_->resize(0, {.columns = 65535, .rows = 65535});
    rig_->turn();
    EXPECT_EQ(config(), "255 255 255 255 1 0 0 0 0 0 0 0 ");
    EXPECT_GE(rig_->config_changes(), 1);
}

TEST_F(ConsoleTest, StormOfSizesIsOneChange) {
    make(1);
    for (uint16_t i = 0; i < 10000; ++i) console_->resize(0, {.columns = i, .rows = 0});
    rig_->turn();
    EXPECT_EQ(rig_->config_changes(), 1);
    console_->resize(0, {});
    rig_->turn();
    EXPECT_EQ(config().substr(0, 8), "0 0 0 0 ");
}

TEST_F(ConsoleTest, PortsAreAnnouncedNamedAndOpened) {
    make(2);
    offer_control();
    EXPECT_EQ(control(), "");
    tell(0, ConsoleEvent::kDeviceReady, 1);
    EXPECT_EQ(control(), "1:0:0 1:1:0");
    tell(0, ConsoleEvent::kPortReady, 1);
    EXPECT_EQ(control(), "4:0:1 6:0:1");
    tell(1, ConsoleEvent::kPortReady, 1);
    EXPECT_EQ(control(), "7:1:1:agent1 6:1:1");
}

TEST_F(ConsoleTest, MessagesWaitForBuffers) {
    make(2);
    tell(0, ConsoleEvent::kDeviceReady, 1);
    tell(0, ConsoleEvent::kDeviceReady, 1);
    offer_control(1);
    EXPECT_EQ(control(), "1:0:0");
    offer_control(5);
    EXPECT_EQ(control(), "1:1:0");
}

TEST_F(ConsoleTest, SizeIsAMessageWithMultiport) {
    make(2);
    offer_control();
    console_->resize(0, {.columns = 0x4142, .rows = 0x4344});
    rig_->turn();
    EXPECT_EQ(control(), "") << "the driver does not know the port yet";
    tell(0, ConsoleEvent::kDeviceReady, 1);
    tell(0, ConsoleEvent::kPortReady, 1);
    EXPECT_EQ(control(), "1:0:0 1:1:0 4:0:1 5:0:0:BADC 6:0:1");
    console_->resize(0, {.columns = 0x4546, .rows = 0x4748});
    rig_->turn();
    EXPECT_EQ(control(), "5:0:0:FEHG");
    EXPECT_EQ(rig_->config_changes(), 0);
}

TEST_F(ConsoleTest, NamedPortHasItsOwnQueues) {
    make(3);
    print(2, "two");
    print(1, "one");
    EXPECT_EQ(output_[0], "");
    EXPECT_EQ(output_[1], "one");
    EXPECT_EQ(output_[2], "two");
}

TEST_F(ConsoleTest, InputForANamedPortWaitsUntilAProcessOpensIt) {
    make(2);
    offer(console_queue_to_guest(1), 64);
    console_->send(1, bytes("hi"));
    rig_->turn();
    EXPECT_EQ(input(1), "");
    tell(1, ConsoleEvent::kPortOpen, 1);
    EXPECT_EQ(input(1), "hi");
}

TEST_F(ConsoleTest, NonsenseOnTheControlQueueIsIgnored) {
    make(2);
    offer_control();
    for (uint16_t const event : std::initializer_list<uint16_t>{1, 2, 4, 5, 7, 8, 255, 65535})
        tell(0, static_cast<ConsoleEvent>(event), 1);
    for (uint32_t const id : {2u, 16u, 0x7fff'ffffu, 0xffff'ffffu}) {
        tell(id, ConsoleEvent::kPortReady, 1);
        tell(id, ConsoleEvent::kPortOpen, 1);
    }
    tell(0, ConsoleEvent::kPortReady, 0);
    for (size_t len = 1; len < sizeof(ConsoleControl); ++len) {
        rig_->driver(kControlToHost).chain().readable(std::string(len, '\1')).publish();
        rig_->kick(kControlToHost);
    }
    EXPECT_EQ(control(), "");
    EXPECT_EQ(rig_->broken_rule(), "");
    int returned = 0;
    while (rig_->driver(kControlToHost).take_used()) ++returned;
    EXPECT_EQ(returned, 8 + 8 + 1 + 7);
}

TEST_F(ConsoleTest, ControlBufferTooShortForItsMessageComesBackEmpty) {
    make(2);
    tell(0, ConsoleEvent::kDeviceReady, 1);
    offer(kControlToGuest, 7);
    auto const used = rig_->driver(kControlToGuest).take_used();
    ASSERT_TRUE(used);
    EXPECT_EQ(used->len_bytes, 0u);
    offer(kControlToGuest);
    EXPECT_EQ(control(), "1:1:0");
}

TEST_F(ConsoleTest, DriverThatDeclinesMultiportHasPortZeroOnly) {
    make(2, Console::Multiport::kIfManyPorts, kConsoleFeatureSize);
    print(0, "zero");
    tell(0, ConsoleEvent::kDeviceReady, 1);
    print(1, "one");
    EXPECT_EQ(output_[0], "zero");
    EXPECT_EQ(output_[1], "");
    console_->resize(0, {.columns = 1, .rows = 1});
    rig_->turn();
    EXPECT_EQ(rig_->config_changes(), 1);
}

TEST_F(ConsoleTest, ResetForgetsWhatTheDriverSaid) {
    make(2);
    tell(0, ConsoleEvent::kDeviceReady, 1);
    tell(1, ConsoleEvent::kPortOpen, 1);
    rig_->restart();
    offer_control();
    offer(console_queue_to_guest(1), 64);
    console_->send(1, bytes("hi"));
    rig_->turn();
    EXPECT_EQ(control(), "");
    EXPECT_EQ(input(1), "");
}

}  // namespace
}  // namespace krun::vmm
