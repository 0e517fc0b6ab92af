// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <ctime>
#include <iterator>

#include "base/fd.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "base/timestamp.h"

namespace krun {
namespace {

constexpr std::string_view kNames[] = {"error", "warning", "info", "debug"};

// The one global of this project. It has no destructor: a thread may log while the process exits.
struct Sink {
    std::atomic<int> fd = -1;
    std::atomic<LogFormat> format = LogFormat::kText;
    std::atomic<LogLevel> level = LogLevel::kError;
};
constinit Sink sink;

timespec now(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return time;
}

std::string_view name_of(LogLevel level) {
    return kNames[static_cast<size_t>(level)];
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view name) {
    for (size_t i = 0; i < std::size(kNames); ++i)
        if (kNames[i] == name) return static_cast<LogLevel>(i);
    return std::nullopt;
}

void open_log(UniqueFd to, LogFormat format, LogLevel level) {
    sink.format = format;
    sink.level = level;
    UniqueFd const old(sink.fd.exchange(to.release()));
}

BorrowedFd log_sink() {
    return BorrowedFd(sink.fd);
}

bool is_logged(LogLevel level) {
    return sink.fd >= 0 && level <= sink.level;
}

void log(LogLevel level, std::string_view message) {
    if (!is_logged(level)) return;
    std::string const record = log_record(sink.format, level, message, rfc3339_nano(now(CLOCK_REALTIME)));
    ignore(write_full(BorrowedFd(sink.fd), record), "a lost record has nobody to be told to");
}

void log_in_signal_handler(std::string_view message) {
    if (sink.fd < 0) return;
    auto const time = rfc3339_nano_chars(now(CLOCK_REALTIME));
    bool const json = sink.format == LogFormat::kJson;
    std::array<char, 512> record;
    size_t used = 0;
    auto const put = [&](std::string_view part) {
        part = part.substr(0, record.size() - used);
        std::memcpy(record.data() + used, part.data(), part.size());
        used += part.size();
    };
    put(json ? "{\"level\":\"error\",\"msg\":\"" : time.data());
    if (!json) put(" error: ");
    put(message.substr(0, 400));
    if (json) put("\",\"time\":\"");
    if (json) put(time.data());
    put(json ? "\"}\n" : "\n");
    ignore(::write(sink.fd, record.data(), used), "a lost record has nobody to be told to");
}

std::string log_record(LogFormat format, LogLevel level, std::string_view message, std::string const& time) {
    if (format == LogFormat::kText)
        return time + " " + std::string(name_of(level)) + ": " + printable(message) + "\n";
    JsonWriter writer;
    writer.begin_object();
    writer.key("level").string(name_of(level));
    writer.key("msg").string(message);
    writer.key("time").string(time);
    writer.end_object();
    return std::move(writer).take() + "\n";
}

std::optional<std::string> LogLimit::admit(std::string_view message, int64_t now_seconds) {
    Lock const lock(mutex_);
    // Written so that the very first period begins with the first record, whatever the clock says.
    if (period_start_ == INT64_MIN || now_seconds - period_start_ >= kPeriodSeconds) {
        period_start_ = now_seconds;
        admitted_ = 0;
    }
    if (admitted_ == kBurst) {
        ++left_out_;
        return std::nullopt;
    }
    ++admitted_;
    std::string text(message);
    if (left_out_ > 0) text += " (" + std::to_string(left_out_) + " more were not logged)";
    left_out_ = 0;
    return text;
}

void LogLimit::log(LogLevel level, std::string_view message) {
    if (!is_logged(level)) return;
    if (auto const text = admit(message, now(CLOCK_MONOTONIC).tv_sec)) krun::log(level, *text);
}

}  // namespace krun
