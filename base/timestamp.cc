// SPDX-License-Identifier: Apache-2.0
#include "base/timestamp.h"

#include <chrono>

namespace krun {
namespace {

// Writes `value` with `digits` digits, zeros in front, so that it ends before `end`.
void put(char* end, unsigned digits, uint64_t value) {
    for (; digits > 0; --digits, value /= 10) *--end = static_cast<char>('0' + value % 10);
}

}  // namespace

// Not gmtime_r, which takes a lock, nor snprintf: a signal handler may call this.
std::array<char, 31> rfc3339_nano_chars(timespec time) {
    using namespace std::chrono;
    std::array<char, 31> out{"1970-01-01T00:00:00.000000000Z"};
    constexpr sys_days kFirst{year{0} / 1 / 1};
    constexpr sys_days kAfter{year{10000} / 1 / 1};
    sys_seconds const point{seconds{time.tv_sec}};
    if (point < kFirst || point >= kAfter) return out;
    auto const day = floor<days>(point);
    year_month_day const date{day};
    hh_mm_ss const clock{point - day};
    char* const text = out.data();
    put(text + 4, 4, static_cast<uint64_t>(static_cast<int>(date.year())));
    put(text + 7, 2, static_cast<unsigned>(date.month()));
    put(text + 10, 2, static_cast<unsigned>(date.day()));
    put(text + 13, 2, static_cast<uint64_t>(clock.hours().count()));
    put(text + 16, 2, static_cast<uint64_t>(clock.minutes().count()));
    put(text + 19, 2, static_cast<uint64_t>(clock.seconds().count()));
    put(text + 29, 9, static_cast<uint64_t>(time.tv_nsec));
    return out;
}

std::string rfc3339_nano(timespec time) {
    return rfc3339_nano_chars(time).data();
}

}  // namespace krun
