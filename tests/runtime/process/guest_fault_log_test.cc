// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "base/fd.h"
#include "base/log.h"
#include "runtime/process/machine_for.h"

namespace krun::runtime {
namespace {

class GuestFaultLogTest : public ::testing::Test {
protected:
    GuestFaultLogTest() { open_log(duplicate(log_.borrow()).value(), LogFormat::kText, LogLevel::kWarning); }
    ~GuestFaultLogTest() override { open_log(UniqueFd(), LogFormat::kText); }
    std::string text() {
        ::lseek(log_.borrow().raw(), 0, SEEK_SET);
        return read_file(log_.borrow(), 1 << 20).value();
    }
    UniqueFd log_ = make_memfd("log", 0).value();
};

TEST_F(GuestFaultLogTest, FaultIsAWarningThatNamesDeviceAndRule) {
    guest_fault_log()("fs", "virtio-v1.2 §2.7.5.3: a descriptor chain that loops");
    auto const line = text();
    EXPECT_NE(line.find(" warning: "), std::string::npos) << line;
    EXPECT_NE(line.find("its fs device"), std::string::npos) << line;
    EXPECT_NE(line.find("a descriptor chain that loops"), std::string::npos) << line;
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
}

TEST_F(GuestFaultLogTest, FloodOfFaultsIsAFewLines) {
    auto const sink = guest_fault_log();
    for (int i = 0; i < 10'000; ++i) sink("vsock", "rule");
    auto const lines = text();
    auto const count = std::count(lines.begin(), lines.end(), '\n');
    EXPECT_GE(count, 1);
    EXPECT_LE(count, 20);
}

}  // namespace
}  // namespace krun::runtime
