// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gtest/gtest.h>

#include "base/fd.h"
#include "base/timestamp.h"
#include "tests/support/temp_dir.h"

namespace krun {
namespace {

constexpr char const* kTime = "2026-01-31T23:59:59.000000001Z";

TEST(Timestamp, IsRfc3339InUtcWithNanoseconds) {
    EXPECT_EQ(rfc3339_nano({1769903999, 1}), kTime);
    EXPECT_EQ(rfc3339_nano({0, 0}), "1970-01-01T00:00:00.000000000Z");
    EXPECT_EQ(rfc3339_nano({INT64_MAX, 0}), "1970-01-01T00:00:00.000000000Z");
}

TEST(LogRecord, JsonHasTheMembersThatEnginesParse) {
    EXPECT_EQ(
        log_record(LogFormat::kJson, LogLevel::kWarning, "a \"b\"\n", kTime),
        "{\"level\":\"warning\",\"msg\":\"a \\\"b\\\"\\n\",\"time\":\"2026-01-31T23:59:59.000000001Z\"}\n");
}

TEST(LogRecord, TextIsOneLineWhateverTheMessageHolds) {
    EXPECT_EQ(log_record(LogFormat::kText, LogLevel::kError, "a\nlevel=info forged\x1b[2J", kTime),
              "2026-01-31T23:59:59.000000001Z error: a\\x0alevel=info forged\\x1b[2J\n");
}

TEST(Log, RecordsBelowTheLevelAreDropped) {
    test::TempDir const dir;
    open_log(open_path(dir / "log", O_WRONLY | O_CREAT | O_APPEND, 0600).value(), LogFormat::kJson,
             LogLevel::kWarning);
    log(LogLevel::kError, "one");
    log(LogLevel::kWarning, "two");
    log(LogLevel::kInfo, "three");
    EXPECT_FALSE(is_logged(LogLevel::kDebug));
    open_log(UniqueFd(), LogFormat::kText);
    log(LogLevel::kError, "after the end");

    std::string const text = read_file(dir / "log", 4096).value();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
    EXPECT_NE(text.find("\"msg\":\"one\""), std::string::npos);
    EXPECT_NE(text.find("\"msg\":\"two\""), std::string::npos);
}

TEST(Log, LevelNamesAreThoseOfTheCommandLine) {
    EXPECT_EQ(parse_log_level("warning"), LogLevel::kWarning);
    EXPECT_EQ(parse_log_level("WARN"), std::nullopt);
}

TEST(LogLimit, BurstIsAdmittedThenSilenceUntilThePeriodEnds) {
    LogLimit limit;
    for (unsigned i = 0; i < LogLimit::kBurst; ++i) EXPECT_EQ(limit.admit("fault", 100), "fault");
    EXPECT_EQ(limit.admit("fault", 100), std::nullopt);
    EXPECT_EQ(limit.admit("fault", 100 + LogLimit::kPeriodSeconds - 1), std::nullopt);
    EXPECT_EQ(limit.admit("fault", 100 + LogLimit::kPeriodSeconds), "fault (2 more were not logged)");
    EXPECT_EQ(limit.admit("fault", 100 + LogLimit::kPeriodSeconds), "fault");
}

}  // namespace
}  // namespace krun
