// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/kernel_log.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace krun::runtime {
namespace {

void append(KernelLog& log, std::string_view text) {
    log.append(std::as_bytes(std::span(text)));
}

TEST(KernelLog, LastWordsAreThePanicEvenWithLinesAfterIt) {
    KernelLog log;
    append(log,
           "[0.1] booting\n[0.2] Kernel panic - not syncing: sysrq triggered crash\r\n[0.3] Rebooting\r\n");
    EXPECT_EQ(log.last_words(), "[0.2] Kernel panic - not syncing: sysrq triggered crash");
}

TEST(KernelLog, LastWordsWithoutAPanicAreTheLastLine) {
    KernelLog log;
    append(log, "one\ntwo\r\n\n");
    EXPECT_EQ(log.last_words(), "two");
}

TEST(KernelLog, EmptyLogHasNoLastWords) {
    KernelLog const log;
    EXPECT_EQ(log.last_words(), "");
}

TEST(KernelLog, ControlBytesOfTheGuestAreEscaped) {
    KernelLog log;
    append(log, "evil \x1b[2J line\n");
    EXPECT_EQ(log.last_words(), "evil \\x1b[2J line");
}

TEST(KernelLog, KeepsTheLast64KiBOfAChattyGuest) {
    KernelLog log;
    std::string const line(1023, 'x');
    for (int i = 0; i < 1000; ++i) append(log, line + "\n");
    append(log, "the end\n");
    EXPECT_EQ(log.text().size(), 64U * 1024);
    EXPECT_TRUE(log.text().ends_with("the end\n"));
}

TEST(KernelLog, ABurstLargerThanTheBufferKeepsItsEnd) {
    KernelLog log;
    append(log, std::string(300 * 1024, 'a') + "tail");
    EXPECT_EQ(log.text().size(), 64U * 1024);
    EXPECT_TRUE(log.text().ends_with("atail"));
}

TEST(KernelLog, AnEndlessLineIsCut) {
    KernelLog log;
    append(log, std::string(5000, 'y'));
    EXPECT_EQ(log.last_words().size(), 256U);
}

}  // namespace
}  // namespace krun::runtime
