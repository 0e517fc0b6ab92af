// SPDX-License-Identifier: Apache-2.0
#include "base/timestamp.h"

#include <array>
#include <cstdio>

namespace krun {

std::string rfc3339_nano(timespec time) {
    tm utc{};
    constexpr int kYearZero = -1900;
    if (::gmtime_r(&time.tv_sec, &utc) == nullptr || utc.tm_year < kYearZero || utc.tm_year > 9999 - 1900)
        return "1970-01-01T00:00:00.000000000Z";
    std::array<char, 96> text{};  // wide enough for seven ints, whatever they hold
    int const len =
        std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", utc.tm_year + 1900,
                      utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, time.tv_nsec);
    return {text.data(), static_cast<size_t>(len)};
}

}  // namespace krun
