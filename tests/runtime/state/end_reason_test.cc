// SPDX-License-Identifier: Apache-2.0
// Each way to end has words of its own.
#include "runtime/state/end_reason.h"

#include <gtest/gtest.h>

#include "base/fd.h"
#include "tests/support/temp_dir.h"

namespace krun::runtime {
namespace {

using vmm::EndKind;
using vmm::EndReason;

constexpr char kPanic[] = "[    1.0] Kernel panic - not syncing: sysrq triggered crash";

TEST(MachineEndReason, PanicOfTheGuestsKernelIsToldFromItsReset) {
    EXPECT_EQ(
        machine_end_reason(EndReason{EndKind::kShutdown, "guest CPU 0: reset or triple fault"}, "", kPanic),
        "the guest's kernel panicked; its last words: " + std::string(kPanic));
    EXPECT_EQ(machine_end_reason(EndReason{EndKind::kShutdown, "guest CPU 0: reset or triple fault"}, "", ""),
              "the guest reset its machine (guest CPU 0: reset or triple fault)");
}

TEST(MachineEndReason, KernelWithoutMemoryIsToldFromOtherPanics) {
    for (auto const* words :
         {"Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled",
          "Kernel panic - not syncing: System is deadlocked on memory"})
        EXPECT_TRUE(machine_end_reason(EndReason{EndKind::kShutdown, "x"}, "", words)
                        .starts_with("the guest's kernel ran out of memory; its last words: Kernel panic"));
}

TEST(MachineEndReason, FaultOfTheMonitorAndHaltOfTheGuestAreTold) {
    EXPECT_EQ(machine_end_reason(EndReason{EndKind::kVmmFault, "guest CPU 1: KVM internal error (0x1)"}, "",
                                 "hello"),
              "the virtual machine monitor could not go on (guest CPU 1: KVM internal error (0x1)); its last "
              "words: "
              "hello");
    EXPECT_EQ(machine_end_reason(EndReason{EndKind::kHalt, "guest CPU 0: halted"}, "", ""),
              "the guest halted (guest CPU 0: halted)");
}

constexpr char kKill[] = "[    2.5] Out of memory: Killed process 12 (cat) total-vm:1kB";

TEST(MachineEndReason, ProcessThatWasKilledForMemoryBeforehandIsNamed) {
    auto const console = "boot\n" + std::string(kKill) + "\r\nmore\n";
    EXPECT_EQ(
        machine_end_reason(EndReason{EndKind::kShutdown, "x"}, console, kPanic),
        "the guest's kernel panicked; its last words: " + std::string(kPanic) + "; before that: " + kKill);
}

TEST(GuestOomKill, LastOneIsFoundAndFitForALog) {
    EXPECT_EQ(guest_oom_kill(""), "");
    EXPECT_EQ(guest_oom_kill("it ran out of memory"), "");
    EXPECT_EQ(guest_oom_kill(std::string("a: Memory cgroup out of memory: Killed process 3 (x)\n") + kKill),
              kKill);
    EXPECT_EQ(guest_oom_kill("Out of memory: Killed process 1 (\033[2J)"),
              "Out of memory: Killed process 1 (\\x1b[2J)");
    EXPECT_EQ(guest_oom_kill(std::string(kKill) + std::string(1000, 'x')).size(), 256u);
}

class EndOfContainerTest : public testing::Test {
protected:
    std::string end() { return end_of_container(state_.borrow(), record_); }
    EndOfContainerTest() {
        record_.vcpus = 1;
        record_.cgroups = {{"memory", dir_.path()}};
    }
    test::TempDir dir_;
    UniqueFd state_ = open_path(dir_.path(), O_RDONLY | O_DIRECTORY).value();
    Record record_;
};

TEST_F(EndOfContainerTest, KilledByNobodyOfOursIsFromOutside) {
    EXPECT_EQ(end(), "its container process was killed from outside");
    dir_.write("memory.events", "low 0\noom 3\noom_kill 0\noom_group_kill 0\n");
    EXPECT_EQ(end(), "its container process was killed from outside");
}

TEST_F(EndOfContainerTest, KilledByTheHostForMemoryIsCountedInItsCgroup) {
    dir_.write("memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 0\n");
    EXPECT_EQ(end(), "the host killed it for want of memory (oom_kill 2 in its cgroup)");
}

TEST_F(EndOfContainerTest, StatusAndReasonAreWhatWasWrittenDown) {
    dir_.write("memory.events", "oom_kill 2\n");
    dir_.write(kExitStatusName, "3");
    EXPECT_EQ(end(), "its program ended with status 3");
    dir_.write(kEndReasonName, "the guest's kernel panicked");
    EXPECT_EQ(end(), "the guest's kernel panicked");
}

TEST(EndReasonFile, IsReadBackAndIsEmptyWithoutOne) {
    test::TempDir const state;
    EXPECT_EQ(read_end_reason(state.fd()), "");
    state.write(kEndReasonName, "the guest kernel panicked");
    EXPECT_EQ(read_end_reason(state.fd()), "the guest kernel panicked");
}

}  // namespace
}  // namespace krun::runtime
