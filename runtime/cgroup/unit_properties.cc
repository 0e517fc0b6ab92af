// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/unit_properties.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "runtime/cgroup/cgroup_version.h"

namespace krun::runtime {
namespace {

constexpr std::string_view kAnnotation = "org.systemd.property.";
constexpr uint64_t kUsPerSecond = 1'000'000;

// ---- Limits. One row for each file of cgroup v2 that systemd has a property for; in v1 it translates them.
// ----

// cpu.max: "QUOTA PERIOD". systemd takes the quota for one second, in whole hundredths of a percent.
UnitProperties cpu_quota(std::string const& value) {
    constexpr uint64_t kStep = 10'000;
    auto const words = split(value, ' ');
    auto const quota = parse_uint64(words.front());
    auto const period = parse_uint64(words.back());
    uint64_t scaled = 0;
    if (!quota || !period || *period == 0 || __builtin_mul_overflow(*quota, kUsPerSecond, &scaled))
        return {{"CPUQuotaPerSecUSec", "t", kUnlimited}};
    uint64_t const steps = (scaled / *period + kStep - 1) / kStep;
    return {{"CPUQuotaPeriodUSec", "t", std::to_string(*period)},
            {"CPUQuotaPerSecUSec", "t", std::to_string(steps * kStep)}};
}

// "0-3,7" as systemd's bit mask, in bytes, the lowest first.
std::string mask_of(std::string const& list) {
    constexpr uint64_t kMaxNumber = 8191;  // of what one kernel can have
    std::vector<unsigned> mask;
    for (auto const part : split(list, ',')) {
        auto const dash = part.find('-');
        auto const first = parse_uint64(part.substr(0, dash));
        auto const last = dash == part.npos ? first : parse_uint64(part.substr(dash + 1));
        if (!first || !last || *last > kMaxNumber) continue;  // the file's own write reports it
        for (uint64_t number = *first; number <= *last; ++number) {
            if (mask.size() <= number / 8) mask.resize(number / 8 + 1);
            mask[number / 8] |= 1U << number % 8;
        }
    }
    std::string out;
    for (auto const byte : mask) out += (out.empty() ? "" : " ") + std::to_string(byte);
    return out;
}

struct LimitProperty {
    std::string_view file;
    char const* property;
    enum class Form { kNumber, kMask, kQuota } form;
};
constexpr LimitProperty kLimits[] = {
    {"memory.max", "MemoryMax", LimitProperty::Form::kNumber},
    {"memory.low", "MemoryLow", LimitProperty::Form::kNumber},
    {"memory.swap.max", "MemorySwapMax", LimitProperty::Form::kNumber},
    {"cpu.weight", "CPUWeight", LimitProperty::Form::kNumber},
    {"cpu.max", "", LimitProperty::Form::kQuota},
    {"cpuset.cpus", "AllowedCPUs", LimitProperty::Form::kMask},
    {"cpuset.mems", "AllowedMemoryNodes", LimitProperty::Form::kMask},
};

UnitProperties properties_of(LimitProperty const& limit, std::string const& value) {
    switch (limit.form) {
        case LimitProperty::Form::kNumber:
            return {{limit.property, "t", value == "max" ? kUnlimited : value}};
        case LimitProperty::Form::kMask:
            return {{limit.property, "ay", mask_of(value)}};
        case LimitProperty::Form::kQuota:
            return cpu_quota(value);
    }
    return {};
}

// ---- Annotations. ----

std::string_view trimmed(std::string_view text) {
    auto const first = text.find_first_not_of(' ');
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// Without escapes: names and paths of systemd's have none.
std::optional<std::string> quoted_text(std::string_view text) {
    if (text.size() < 2 || text.front() != text.back() || (text.front() != '\'' && text.front() != '"'))
        return std::nullopt;
    auto const inside = text.substr(1, text.size() - 2);
    if (inside.find_first_of("'\"\\\n") != inside.npos) return std::nullopt;
    return std::string(inside);
}

struct Value {
    std::string type;
    std::string text;
};

std::optional<Value> list_value(std::string_view text) {
    if (!text.starts_with('[') || !text.ends_with(']')) return std::nullopt;
    Value out{"as", ""};
    text = trimmed(text.substr(1, text.size() - 2));
    if (text.empty()) return out;
    for (auto const part : split(text, ',')) {
        auto const item = quoted_text(trimmed(part));
        if (!item) return std::nullopt;
        out.text += (out.text.empty() ? "" : "\n") + *item;
    }
    return out;
}

struct NumberType {
    std::string_view name;
    char const* type;
    int64_t min;
    uint64_t max;
};
constexpr NumberType kNumberTypes[] = {
    {"int32", "i", INT32_MIN, INT32_MAX},
    {"uint32", "u", 0, UINT32_MAX},
    {"int64", "x", INT64_MIN, INT64_MAX},
    {"uint64", "t", 0, UINT64_MAX},
};

bool is_in_range(std::string_view digits, NumberType const& type) {
    if (auto const number = parse_uint64(digits)) return *number <= type.max;
    auto const number = parse_int64(digits);
    return number && *number >= type.min;
}

// "uint64 5"; without a type an int32, as GVariant has it.
std::optional<Value> number_value(std::string_view text) {
    auto const space = text.find(' ');
    auto const name = space == text.npos ? "int32" : text.substr(0, space);
    auto const digits = space == text.npos ? text : trimmed(text.substr(space));
    for (auto const& type : kNumberTypes)
        if (type.name == name && is_in_range(digits, type)) return Value{type.type, std::string(digits)};
    return std::nullopt;
}

std::optional<Value> parse_value(std::string_view text) {
    text = trimmed(text);
    if (text == "true" || text == "false") return Value{"b", std::string(text)};
    if (auto string = quoted_text(text)) return Value{"s", *std::move(string)};
    if (auto list = list_value(text)) return list;
    return number_value(text);
}

bool is_property_name(std::string_view name) {
    return name.size() >= 3 && std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
           });
}

// "TimeoutStopSec" is what unit files say; the property is "TimeoutStopUSec", of type t.
bool to_microseconds(UnitProperty& property) {
    if (!property.name.ends_with("Sec") || property.name.ends_with("USec")) return true;
    auto const seconds = parse_uint64(property.value);
    if (property.type == "s" || !seconds || *seconds > UINT64_MAX / kUsPerSecond) return false;
    property.name.insert(property.name.size() - 3, "U");
    property.type = "t";
    property.value = std::to_string(*seconds * kUsPerSecond);
    return true;
}

}  // namespace

UnitProperties scope_limits(oci::Resources const& resources) {
    UnitProperties out;
    for (auto const& [file, value] : kCgroupV2.settings(resources))
        for (auto const& limit : kLimits)
            if (limit.file == file)
                for (auto& property : properties_of(limit, value)) out.push_back(std::move(property));
    return out;
}

Result<UnitProperties> scope_annotations(std::map<std::string, std::string> const& annotations) {
    UnitProperties out;
    for (auto const& annotation : annotations) {
        auto const& key = annotation.first;
        auto const& text = annotation.second;
        if (!key.starts_with(kAnnotation)) continue;
        auto const invalid = [&](char const* expected) {
            return fail(Error(Errc::kInvalidConfig, "annotations[" + quoted(key) + "]: must be " + expected +
                                                        ", is " + quoted(text)));
        };
        auto const name = key.substr(kAnnotation.size());
        if (!is_property_name(name)) return invalid("of a property, a name of letters");
        auto const value = parse_value(text);
        if (!value) return invalid("a text in quotes, a list of them, true, false or a number with its type");
        UnitProperty property{name, value->type, value->text};
        if (!to_microseconds(property)) return invalid("a number of seconds");
        out.push_back(std::move(property));
    }
    return out;
}

}  // namespace krun::runtime
