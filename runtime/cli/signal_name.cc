// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/signal_name.h"

#include <signal.h>

#include <cstring>
#include <string>

#include "base/strings.h"

namespace krun::runtime {
namespace {

constexpr int kRealTimeMin = 34;  // glibc keeps 32 and 33 for itself
constexpr int kRealTimeMax = 64;

// Names that sigabbrev_np() lacks: second names of one number (signal(7)).
struct Alias {
    char const* name;
    int number;
};
constexpr Alias kAliases[] = {{"CLD", SIGCHLD}, {"IOT", SIGABRT}, {"POLL", SIGIO}, {"IO", SIGIO}};

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return out;
}

// "RTMIN", "RTMIN+N", "RTMAX", "RTMAX-N"; 0 if it is none of them.
int real_time_number(std::string_view name) {
    bool const from_min = name.starts_with("RTMIN");
    if (!from_min && !name.starts_with("RTMAX")) return 0;
    name.remove_prefix(5);
    if (name.empty()) return from_min ? kRealTimeMin : kRealTimeMax;
    if (name.front() != (from_min ? '+' : '-')) return 0;
    auto const offset = parse_uint64(name.substr(1));
    if (!offset || *offset > kRealTimeMax - kRealTimeMin) return 0;
    return from_min ? kRealTimeMin + static_cast<int>(*offset) : kRealTimeMax - static_cast<int>(*offset);
}

int named_number(std::string_view name) {
    for (auto const& alias : kAliases)
        if (name == alias.name) return alias.number;
    for (int number = 1; number < kRealTimeMin; ++number) {
        char const* const abbreviation = sigabbrev_np(number);
        if (abbreviation != nullptr && name == abbreviation) return number;
    }
    return real_time_number(name);
}

}  // namespace

Result<int> parse_signal(std::string_view text) {
    auto const unknown = [&] { return fail(Error(Errc::kInvalidConfig, "unknown signal " + quoted(text))); };
    if (auto const number = parse_uint64(text)) {
        if (*number < 1 || *number > kRealTimeMax) return unknown();
        return static_cast<int>(*number);
    }
    std::string const name = upper(text);
    int const number = named_number(name.starts_with("SIG") ? std::string_view(name).substr(3) : name);
    if (number == 0) return unknown();
    return number;
}

}  // namespace krun::runtime
