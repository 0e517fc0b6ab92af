// SPDX-License-Identifier: Apache-2.0
// A hostile guest (hostile.c) on the host's KVM, a machine for each of its cases: what each device makes of
// each broken rule is what cases.h says, no other device notices, and the process outlives it. The verdicts
// are the page docs/hostile-guest.md.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <map>

#include "base/fd.h"
#include "tests/hostile/cases.h"
#include "tests/support/golden.h"
#include "tests/support/guest_driver.h"
#include "vmm/device_table.h"
#include "vmm/disk/raw_disk.h"
#include "vmm/machine.h"

namespace krun::vmm {
namespace {

constexpr uint64_t kRam = uint64_t{64} << 20;
constexpr uint64_t kDiskBytes = 1 << 20;
constexpr int kEndTimeoutMs = 60'000;

struct Case {
    char const* area;
    char const* name;
    char const* device;
    unsigned expected;
};

// In the guest's order.
std::vector<Case> all_cases() {
    std::vector<Case> out;
#define ON_ALL(area_of, function, verdict)                          \
    for (char const* device : {"rng", "console", "blk", "balloon"}) \
        out.push_back({#area_of, #function, device, verdict});
#define ON_ITS_OWN(area_of, function, verdict) out.push_back({#area_of, #function, #area_of, verdict});
    HOSTILE_CASES(ON_ALL)
    HOSTILE_OWN_CASES(ON_ITS_OWN)
    return out;
}

// Slot 0: says which case it is, and keeps what the guest says of it.
class Judge final : public VirtioDevice {
public:
    DeviceId id() const override { return DeviceId::kBalloon; }
    std::string_view name() const override { return "judge"; }
    std::span<uint16_t const> queue_sizes() const override { return kSizes; }
    void read_config(uint32_t /*offset*/, std::span<std::byte> out) const override {
        uint32_t const number = case_number.load();
        std::memcpy(out.data(), &number, std::min(out.size(), sizeof number));
    }
    void write_config(uint32_t /*offset*/, std::span<std::byte const> in) override {
        uint32_t value = 0;
        std::memcpy(&value, in.data(), std::min(in.size(), sizeof value));
        verdict.store(value);
    }
    Result<void> activate(DeviceContext& /*context*/) override { return {}; }
    Result<void, GuestFault> handle_queue(uint16_t /*index*/) override { return {}; }
    void reset() override {}

    inline static std::atomic<uint32_t> case_number{0};  // a table's maker has no other way to reach its test
    inline static std::atomic<uint32_t> verdict{0};

private:
    static constexpr std::array<uint16_t, 1> kSizes{8};
};

Result<void> add_judge(MachineSpec& /*spec*/, Devices& out) {
    out.in_bus_order.push_back(std::make_unique<Judge>());
    return {};
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
    return s;
}

unsigned run(uint32_t number) {
    std::vector<DeviceKind> kinds{{"judge", add_judge, {}}};
    for (auto const& kind : device_kinds()) kinds.push_back(kind);
    Judge::case_number.store(number);
    Judge::verdict.store(0);
    auto const machine = must(Machine::make(spec(), kinds));
    EXPECT_TRUE(machine->plug_balloon());
    must(machine->start());
    pollfd fd{machine->ended_event().raw(), POLLIN, 0};
    ::poll(&fd, 1, kEndTimeoutMs);
    unsigned const verdict = Judge::verdict.load();
    return verdict == 0 ? unsigned{WEDGED} : verdict;  // it never came to say
}

char const* word(unsigned verdict) {
    if ((verdict & FAIL) != 0) return "FAIL";
    if ((verdict & WEDGED) != 0) return "WEDGED";
    return verdict == REJECT ? "REJECT" : "PASS";
}

std::string with_spaces(std::string text) {
    std::replace(text.begin(), text.end(), '_', ' ');
    return text;
}

// A row for each rule that is broken, a column for each device.
class Page {
public:
    void add(Case const& one, unsigned verdict) {
        auto& row = rows_.emplace(one.name, std::map<std::string, std::string>()).first->second;
        if (row.empty()) order_.push_back(one);
        row[one.device] = word(verdict);
        ++counts_[word(verdict)];
    }
    std::string text() const {
        std::string out = kBegin;
        for (char const* verdict : {"PASS", "REJECT", "WEDGED", "FAIL"}) {
            auto const found = counts_.find(verdict);
            out += std::string("| ") + verdict + " | " +
                   std::to_string(found == counts_.end() ? 0 : found->second) + " |\n";
        }
        out +=
            "\n| area | what the guest does | rng | console | blk | balloon |\n|---|---|---|---|---|---|\n";
        for (auto const& one : order_) {
            out += "| " + std::string(one.area) + " | " + with_spaces(one.name) + " |";
            for (char const* device : {"rng", "console", "blk", "balloon"}) {
                auto const& row = rows_.at(one.name);
                auto const cell = row.find(device);
                out += " " + (cell == row.end() ? std::string() : cell->second) + " |";
            }
            out += "\n";
        }
        return out;
    }

private:
    static constexpr char const* kBegin =
        "# The hostile guest\n\n"
        "Written by `HostileGuest.EveryBrokenRuleEndsAsTheTableSays` (tests/hostile): a guest that breaks "
        "one rule of one "
        "device, in a\nmachine of its own. PASS: the device goes on as if nothing was. REJECT: it refuses "
        "the step, or asks "
        "for a reset and works after\none. WEDGED: it does neither. FAIL: another device or the answer was "
        "wrong.\n\n"
        "| verdict | cases |\n|---|---|\n";
    std::map<std::string, std::map<std::string, std::string>> rows_;
    std::vector<Case> order_;
    std::map<std::string, int> counts_;
};

TEST(HostileGuest, EveryBrokenRuleEndsAsTheTableSays) {
    if (!open_path("/dev/kvm", O_RDWR).ok()) GTEST_SKIP() << "skipped: /dev/kvm cannot be opened";
    Page page;
    auto const cases = all_cases();
    EXPECT_GE(cases.size(), 300u);
    for (uint32_t i = 0; i < cases.size(); ++i) {
        auto const& one = cases[i];
        unsigned const verdict = run(i);
        EXPECT_NE(verdict & one.expected, 0u) << one.device << ": " << one.name << ": " << word(verdict);
        EXPECT_EQ(verdict & (WEDGED | FAIL), 0u) << one.device << ": " << one.name << ": " << word(verdict);
        page.add(one, verdict);
    }
    test::expect_golden("docs/hostile-guest.md", page.text());
}

}  // namespace
}  // namespace krun::vmm
