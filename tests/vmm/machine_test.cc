// SPDX-License-Identifier: Apache-2.0
// Machines that run freestanding guests (tests/vmm/guest) on the host's KVM, software KVMs included.
#include "vmm/machine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/fd.h"
#include "base/mutex.h"
#include "tests/support/bzimage.h"
#include "tests/support/guest_driver.h"
#include "vmm/device_table.h"

namespace krun::vmm {
namespace {

using ::testing::Test;
constexpr uint64_t kRam = uint64_t{64} << 20;
// Interpreted ring 0 runs at half a million instructions a second, on a machine that other tests share.
constexpr int kEndTimeoutMs = 20'000;

// What the guest wrote into the configuration space of the device in slot 0.
class Reports {
public:
    void add(uint32_t value) {
        Lock lock(mutex_);
        values_.push_back(value);
    }
    std::vector<uint32_t> values() const {
        Lock lock(mutex_);
        return values_;
    }

private:
    mutable Mutex mutex_;
    std::vector<uint32_t> values_ GUARDED_BY(mutex_);
};

class ReportDevice final : public VirtioDevice {
public:
    explicit ReportDevice(Reports& reports) : reports_(reports) {}
    DeviceId id() const override { return DeviceId::kBalloon; }
    std::string_view name() const override { return "report"; }
    std::span<uint16_t const> queue_sizes() const override { return kSizes; }
    void read_config(uint32_t /*offset*/, std::span<std::byte> /*out*/) const override {}
    void write_config(uint32_t /*offset*/, std::span<std::byte const> in) override {
        uint32_t value = 0;
        std::memcpy(&value, in.data(), std::min(in.size(), sizeof value));
        reports_.add(value);
    }
    Result<void> activate(DeviceContext& /*context*/) override { return {}; }
    Result<void, GuestFault> handle_queue(uint16_t /*index*/) override { return {}; }
    void reset() override {}

private:
    static constexpr std::array<uint16_t, 1> kSizes{8};
    Reports& reports_;
};

Reports* reports_of_running_test = nullptr;  // a table's maker has no other way to reach its test

Result<void> add_report(MachineSpec& /*spec*/, Devices& out) {
    out.in_bus_order.push_back(std::make_unique<ReportDevice>(*reports_of_running_test));
    return {};
}

class MachineKvmTest : public Test {
protected:
    void SetUp() override {
        if (!open_path("/dev/kvm", O_RDWR).ok()) GTEST_SKIP() << "skipped: /dev/kvm cannot be opened";
        reports_of_running_test = &reports;
        kinds.push_back({"report", add_report, {}});
        for (auto const& kind : device_kinds()) kinds.push_back(kind);
    }
    static MachineSpec spec(std::string const& guest) {
        MachineSpec s;
        s.ram_bytes = kRam;
        s.kernel_name = guest;
        s.kernel = must(open_path(std::string(KRUN_GUEST_DIR) + "/guest_" + guest, O_RDONLY));
        s.kvm = must(open_path("/dev/kvm", O_RDWR));
        return s;
    }
    std::unique_ptr<Machine> start(MachineSpec s) {
        auto made = Machine::make(std::move(s), kinds);
        if (!made.ok()) {
            std::fprintf(stderr, "%s\n", made.error().message().c_str());
            std::abort();
        }
        auto machine = std::move(made).value();
        must(machine->start());
        return machine;
    }
    static std::optional<EndReason> wait_for_end(Machine& machine) {
        pollfd fd{machine.ended_event().raw(), POLLIN, 0};
        ::poll(&fd, 1, kEndTimeoutMs);
        return machine.end_reason();
    }
    void wait_for_reports(size_t count) {
        for (int i = 0; i < kEndTimeoutMs && reports.values().size() < count; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }

    Reports reports;
    std::vector<DeviceKind> kinds;
};

TEST_F(MachineKvmTest, TripleFaultEndsTheMachineWithShutdown) {
    auto const machine = start(spec("triple_fault"));
    auto const end = wait_for_end(*machine);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->kind, EndKind::kShutdown);
    EXPECT_EQ(end->text, "guest CPU 0: reset or triple fault");
    EXPECT_TRUE(end->registers.starts_with("rip=")) << end->registers;
}

TEST_F(MachineKvmTest, BzImageIsEnteredWithItsHeaderAndItsInitrd) {
    // mov $0xd0000100, %eax: what slot 0 keeps; then boot_params' version and the initrd's first word; ud2.
    std::string const code(
        "\xb8\x00\x01\x00\xd0"
        "\x8b\x8e\x06\x02\x00\x00\x89\x08"
        "\x8b\x8e\x18\x02\x00\x00\x8b\x09\x89\x08"
        "\x0f\x0b",
        25);
    auto image = BzImage::with(0x1000000, std::string(0x200, '\xf4') + code);
    auto s = spec("spin");
    s.kernel = BzImage::file_of(image.bytes());
    s.initrd = BzImage::file_of("disk");
    auto const machine = start(std::move(s));
    ASSERT_TRUE(wait_for_end(*machine));
    auto const reported = reports.values();
    ASSERT_EQ(reported.size(), 2u);
    EXPECT_EQ(reported[0] & 0xffff, 0x20fu);
    EXPECT_EQ(reported[1], 0x6b736964u) << "disk";
}

TEST_F(MachineKvmTest, DeviceStatesTellThatNoDriverCame) {
    auto const machine = start(spec("triple_fault"));
    ASSERT_TRUE(wait_for_end(*machine));
    machine->stop();
    auto const states = machine->device_states();
    ASSERT_EQ(states.size(), 3u);
    EXPECT_EQ(states[1].name, "rng");
    EXPECT_EQ(states[2].name, "balloon");
    EXPECT_EQ(states[1].seen_status, 0u);
}

TEST_F(MachineKvmTest, GuestThatHaltsWithInterruptsOffEndsWithHalt) {
    auto s = spec("halt");
    s.vcpus = 2;  // the second is never started: it cannot wake the first
    auto const machine = start(std::move(s));
    auto const end = wait_for_end(*machine);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->kind, EndKind::kHalt);
}

TEST_F(MachineKvmTest, StopEndsAGuestThatSpinsAndLeavesNoReason) {
    auto const machine = start(spec("spin"));
    wait_for_reports(1);
    ASSERT_EQ(reports.values(), std::vector<uint32_t>{1});
    machine->stop();
    machine->stop();
    EXPECT_FALSE(machine->end_reason());
}

TEST_F(MachineKvmTest, MachineThatWasNeverStartedCanBeDestroyed) {
    EXPECT_TRUE(Machine::make(spec("spin"), kinds).ok());
}

TEST_F(MachineKvmTest, StreamIntoAMachineWithoutVsockIsClosedAtOnce) {
    auto const machine = must(Machine::make(spec("spin"), kinds));
    auto [hang_up, done] = must(make_pipe());
    machine->connect(1, 2, {{}, {}, std::move(done)});
    pollfd state{hang_up.borrow().raw(), POLLIN, 0};
    EXPECT_EQ(::poll(&state, 1, 0), 1);
}

TEST_F(MachineKvmTest, StreamIntoAMachineThatHasNotBootedIsKept) {
    auto s = spec("spin");
    s.vsock_ports.push_back({1, false, []() -> Result<StreamEnds> { return StreamEnds{}; }});
    auto machine = must(Machine::make(std::move(s), kinds));
    auto [hang_up, done] = must(make_pipe());
    machine->connect(1, 2, {{}, {}, std::move(done)});
    pollfd state{hang_up.borrow().raw(), POLLIN, 0};
    EXPECT_EQ(::poll(&state, 1, 0), 0);
    machine = nullptr;
    EXPECT_EQ(::poll(&state, 1, 0), 1);
}

TEST_F(MachineKvmTest, OtherVcpusWaitForTheGuestAndStopWithTheFirst) {
    auto s = spec("spin");
    s.vcpus = 4;
    auto const machine = start(std::move(s));
    wait_for_reports(1);
    machine->stop();
    EXPECT_EQ(reports.values(), std::vector<uint32_t>{1});
}

TEST_F(MachineKvmTest, GuestFindsBootParamsMemoryAndCpuidAsPromised) {
    auto const machine = start(spec("state"));
    ASSERT_TRUE(wait_for_end(*machine));
    EXPECT_EQ(reports.values(), (std::vector<uint32_t>{
                                    0x53726448,  // "HdrS"
                                    3,           // e820 entries: low RAM, hole, high RAM
                                    0,           // .bss
                                    0x600d,      // .data
                                    0,           // … and it is writable
                                    1'000'000,   // local APIC timer: kHz
                                    4,           // ARAT and nothing else
                                    0xffffffff,  // an address where nothing is
                                }));
}

TEST_F(MachineKvmTest, BalloonIsPluggedInOnceAndWhereItsPlaceIs) {
    auto const machine = start(spec("spin"));
    EXPECT_EQ(machine->plug_balloon(), 2u);
    EXPECT_EQ(machine->plug_balloon(), std::nullopt);
    auto without = spec("spin");
    without.balloon = false;
    EXPECT_EQ(start(std::move(without))->plug_balloon(), std::nullopt);
}

TEST_F(MachineKvmTest, GuestDriverFillsItsBufferFromTheEntropyDevice) {
    auto const machine = start(spec("entropy"));
    ASSERT_TRUE(wait_for_end(*machine));
    EXPECT_EQ(reports.values(), (std::vector<uint32_t>{
                                    0x74726976, 4,  // "virt", entropy device
                                    11, 15,         // FEATURES_OK and DRIVER_OK were accepted
                                    32, 1, 32, 1,   // two requests, filled
                                    1, 1,  // interrupt pending, acknowledged: KVM keeps that to itself
                                    0,     // reset
                                }));
    EXPECT_GT(machine->userspace_exits(), 10u);
}

TEST_F(MachineKvmTest, ReadingRegistersAndAcknowledgingUsedBuffersCostsNoExit) {
    auto const machine = start(spec("registers"));
    ASSERT_TRUE(wait_for_end(*machine));
    EXPECT_EQ(reports.values(), (std::vector<uint32_t>{1000, 0x74726976}));
    EXPECT_EQ(machine->userspace_exits(), 4u) << "two reports, a write to what can only be read, the end";
}

TEST_F(MachineKvmTest, ThreeMachinesOneAfterAnotherInOneProcess) {
    for (int i = 0; i < 3; ++i) {
        auto const machine = start(spec("triple_fault"));
        auto const end = wait_for_end(*machine);
        ASSERT_TRUE(end) << i;
        EXPECT_EQ(end->kind, EndKind::kShutdown) << i;
    }
}

TEST_F(MachineKvmTest, TwoMachinesAtOnceDoNotDisturbEachOther) {
    auto const spinning = start(spec("spin"));
    auto const ending = start(spec("triple_fault"));
    EXPECT_TRUE(wait_for_end(*ending));
    EXPECT_FALSE(spinning->end_reason());
}

TEST_F(MachineKvmTest, MoreRamThanFitsBelowTheGapIsTwoRegions) {
    auto s = spec("state");
    s.ram_bytes = uint64_t{4} << 30;
    auto const machine = start(std::move(s));
    ASSERT_TRUE(wait_for_end(*machine));
    EXPECT_EQ(reports.values().at(1), 4u);  // one e820 entry more
}

TEST_F(MachineKvmTest, BadSpecificationsAreRefusedWithTheReason) {
    auto too_many = spec("spin");
    too_many.vcpus = 65;
    EXPECT_EQ(Machine::make(std::move(too_many), kinds).error().message(),
              "a machine has 1 to 64 vCPUs, not 65");
    auto too_small = spec("spin");
    too_small.ram_bytes = 1 << 20;
    EXPECT_EQ(Machine::make(std::move(too_small), kinds).error().message(),
              "RAM must be whole MiB, at least 64, is 1048576 bytes");
    auto not_kvm = spec("spin");
    not_kvm.kvm = must(open_path("/dev/null", O_RDWR));
    EXPECT_NE(Machine::make(std::move(not_kvm), kinds).error().message().find("kvm:"), std::string::npos);
    auto no_kernel = spec("spin");
    no_kernel.kernel = must(open_path("/dev/null", O_RDONLY));
    EXPECT_TRUE(Machine::make(std::move(no_kernel), kinds)
                    .error()
                    .message()
                    .starts_with("load kernel spin: not a kernel we can load: expected one of: "));
}

}  // namespace
}  // namespace krun::vmm
