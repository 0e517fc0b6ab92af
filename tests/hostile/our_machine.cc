// SPDX-License-Identifier: Apache-2.0
#include "tests/hostile/our_machine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <utility>

#include "base/fd.h"
#include "fs/null/null_fs.h"
#include "fs/server.h"
#include "tests/hostile/cases.h"
#include "tests/support/guest_driver.h"
#include "vmm/device/net_protocol.h"
#include "vmm/device_table.h"
#include "vmm/disk/raw_disk.h"
#include "vmm/machine.h"

namespace krun::vmm {
namespace {

constexpr uint64_t kRam = uint64_t{64} << 20;
constexpr uint64_t kDiskBytes = 1 << 20;
constexpr int kEndTimeoutMs = 300'000;
constexpr uint32_t kEchoPort = 1024;

// Slot 0: says which case is next, and keeps what the guest says of each. There is no next one after a case
// that has broken something: it is not to be the others' fault.
class Judge final : public VirtioDevice {
public:
    DeviceId id() const override { return DeviceId::kNone; }
    std::string_view name() const override { return "judge"; }
    std::span<uint16_t const> queue_sizes() const override { return kSizes; }
    void read_config(uint32_t /*offset*/, std::span<std::byte> out) const override {
        uint32_t const number = next.load();
        std::memcpy(out.data(), &number, std::min(out.size(), sizeof number));
    }
    void write_config(uint32_t /*offset*/, std::span<std::byte const> in) override {
        uint32_t verdict = 0;
        std::memcpy(&verdict, in.data(), std::min(in.size(), sizeof verdict));
        verdicts.push_back(verdict);
        next = (verdict & (WEDGED | FAIL)) != 0 ? UINT32_MAX : next + 1;
    }
    Result<void> activate(DeviceContext& /*context*/) override { return {}; }
    Result<void, GuestFault> handle_queue(uint16_t /*index*/) override { return {}; }
    void reset() override {}

    // A table's maker has no other way to reach its test.
    inline static std::atomic<uint32_t> next{0};
    inline static std::vector<uint32_t> verdicts;  // the guest's one processor's, while it runs

private:
    static constexpr std::array<uint16_t, 1> kSizes{8};
};

Result<void> add_judge(MachineSpec& /*spec*/, Devices& out) {
    out.in_bus_order.push_back(std::make_unique<Judge>());
    return {};
}

// Gives each frame back. What it must never be given is a failure of the test.
class EchoWire final : public NetBackend {
public:
    uint64_t offloads() const override { return kNetGuestOffloads | kNetHostOffloads; }
    Result<void> use(uint64_t /*offloads*/) override { return {}; }
    BorrowedFd fd() const override { return waiting_.borrow(); }
    Outcome send(std::span<iovec const> parts) override {
        std::vector<std::byte> frame;
        for (auto const& part : parts) {
            auto const* const begin = static_cast<std::byte const*>(part.iov_base);
            frame.insert(frame.end(), begin, begin + part.iov_len);
        }
        EXPECT_GE(frame.size(), sizeof(NetHeader) + kEthernetHeaderBytes);
        EXPECT_LE(frame.size(), sizeof(NetHeader) + kMaxFrameBytes);
        frame_ = std::move(frame);
        uint64_t const one = 1;
        ignore(write_full(waiting_.borrow(), std::as_bytes(std::span(&one, 1))), "it is not full");
        return Outcome::kMoved;
    }
    Transfer receive(std::span<iovec const> parts) override {
        uint64_t count = 0;
        ignore(read_full(waiting_.borrow(), std::as_writable_bytes(std::span(&count, 1))), "it is readable");
        auto const frame = std::exchange(frame_, {});
        size_t moved = 0;
        for (auto const& part : parts) {
            size_t const bytes = std::min(part.iov_len, frame.size() - moved);
            if (bytes > 0) std::memcpy(part.iov_base, frame.data() + moved, bytes);
            moved += bytes;
        }
        return {moved > 0 ? Outcome::kMoved : Outcome::kBlocked, moved};
    }

private:
    UniqueFd waiting_ = must(make_eventfd());
    std::vector<std::byte> frame_;
};

std::shared_ptr<fs::Server> empty_tree() {
    fs::NodeIds ids;
    return std::make_shared<fs::Server>(std::make_unique<fs::NullFs>(ids));
}

// What the guest sends to it comes back.
Result<StreamEnds> echo() {
    auto [from, to] = TRY(make_pipe());
    return StreamEnds{.to_guest = std::move(from), .from_guest = std::move(to), .done = UniqueFd()};
}

MachineSpec spec() {
    MachineSpec s;
    s.ram_bytes = kRam;
    s.kernel_name = "hostile";
    s.kernel = must(open_path(KRUN_HOSTILE_GUEST, O_RDONLY));
    s.kvm = must(open_path("/dev/kvm", O_RDWR));
    s.console.push_back({"", [](std::span<std::byte const>) {}});
    auto image = must(ImageFile::adopt(must(make_memfd("disk", kDiskBytes)), /*read_only=*/false));
    s.disks.push_back({"disk", must(RawDisk::make(std::move(image)))});
    s.vcpus = 2;  // for pairs of queues; the guest starts one of them
    s.network_slots = 1;
    s.vsock_ports.push_back({kEchoPort, /*one_shot=*/false, echo});
    s.shares.push_back({"empty", empty_tree()});
    return s;
}

// Of case `first` and those after it, up to one that breaks something.
std::vector<uint32_t> run_from(uint32_t first) {
    std::vector<DeviceKind> kinds{{"judge", add_judge, {}}};
    for (auto const& kind : device_kinds()) kinds.push_back(kind);
    Judge::next = first;
    Judge::verdicts.clear();
    auto const machine = must(Machine::make(spec(), kinds));
    NetInterface interface { {2, 4, 6, 8, 10, 12}, 1500, std::make_unique<EchoWire>() };
    interface.more.push_back(std::make_unique<EchoWire>());
    must(machine->plug(std::move(interface)));
    EXPECT_TRUE(machine->plug_balloon());
    must(machine->start());
    pollfd fd{machine->ended_event().raw(), POLLIN, 0};
    bool const ended = ::poll(&fd, 1, kEndTimeoutMs) == 1;
    machine->stop();
    auto verdicts = std::move(Judge::verdicts);
    if (!ended || verdicts.empty()) verdicts.push_back(WEDGED);  // it never came to say
    return verdicts;
}

}  // namespace

std::vector<uint32_t> run_in_our_machine(uint32_t count) {
    std::vector<uint32_t> verdicts;
    while (verdicts.size() < count)
        for (auto const verdict : run_from(static_cast<uint32_t>(verdicts.size())))
            verdicts.push_back(verdict);
    return verdicts;
}

}  // namespace krun::vmm
