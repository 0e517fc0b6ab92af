// SPDX-License-Identifier: Apache-2.0
// What happens besides results: one line a record, in the two forms that container engines read. Library code
// returns its errors and does not log them; this is for what has no caller to return to, such as a guest
// that breaks a device's rules. Any thread may log; a record is one write(2), so that lines never mix.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/unique_fd.h"

namespace krun {

enum class LogLevel : uint8_t { kError, kWarning, kInfo, kDebug };
enum class LogFormat : uint8_t { kText, kJson };

// "error", "warning", "info", "debug"; nullopt for any other name.
std::optional<LogLevel> parse_log_level(std::string_view name);

// Where records of `level` and above go from now on, until the process ends. Without it nothing is logged.
// Open `sink` with O_APPEND if others write to it, too. Call before other threads start.
void open_log(UniqueFd sink, LogFormat format, LogLevel level = LogLevel::kError);

// Where they go; -1 if nowhere.
BorrowedFd log_sink();

// Whether a record of this level would be written: to spare the making of an expensive one.
bool is_logged(LogLevel level);
// A sink that cannot be written to loses the record: there is nobody to tell.
void log(LogLevel level, std::string_view message);

// An error, from a signal handler: `message` has no character that JSON would escape, and is cut after some
// hundred bytes. Async-signal-safe.
void log_in_signal_handler(std::string_view message);

// One record with its newline, as log() writes it. JSON has the members of logrus ("level", "msg", "time").
std::string log_record(LogFormat format, LogLevel level, std::string_view message, std::string const& time);

// At most kBurst records in kPeriodSeconds from one source: a guest can make as many as it likes.
class LogLimit {
public:
    static constexpr unsigned kBurst = 10;
    static constexpr int64_t kPeriodSeconds = 10;

    // What to log now, if anything: `message`, with a note about those that were left out before it.
    std::optional<std::string> admit(std::string_view message, int64_t now_seconds);
    // log(level, …) if admit() says so; now is the monotonic clock.
    void log(LogLevel level, std::string_view message);

private:
    Mutex mutex_;
    int64_t period_start_ GUARDED_BY(mutex_) = INT64_MIN;
    unsigned admitted_ GUARDED_BY(mutex_) = 0;
    uint64_t left_out_ GUARDED_BY(mutex_) = 0;
};

}  // namespace krun
