// SPDX-License-Identifier: Apache-2.0
// Reads arguments against a list of flags, in every spelling that engines use (they were written for Go's and
// glibc's parsers): --flag value, --flag=value, -f value, -f=value, -fvalue, -flag value, --switch=true.
#pragma once
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace krun::runtime {

struct Flag {
    char const* name;
    char short_name;         // 0: none
    char const* value_name;  // for the help text; nullptr: a switch
    char const* help;        // nullptr: accepted but not shown
};

enum class Positionals {
    kAnywhere,     // flags may follow positionals
    kStopAtFirst,  // what follows the first positional is not ours to read
};

// What an argument vector said.
class Options {
public:
    // The value of a flag, or empty. REQUIRES: the parsed list has such a flag.
    std::string value(std::string_view flag) const;
    // All values of a flag that may be given more than once, in order. REQUIRES as above.
    std::vector<std::string> values(std::string_view flag) const;
    // Whether a switch was given, as true. REQUIRES as above.
    bool on(std::string_view flag) const;
    bool given(std::string_view flag) const;
    std::vector<std::string> const& positionals() const { return positionals_; }

private:
    friend Result<Options> parse_options(std::span<Flag const>, Positionals, std::span<char const* const>);
    explicit Options(std::span<Flag const> flags) : flags_(flags) {}

    std::span<Flag const> flags_;
    std::map<std::string_view, std::vector<std::string>> given_;  // a switch has the value "true" or "false"
    std::vector<std::string> positionals_;
};

// `flags` must outlive the result. Of a flag given twice value() is the last. "--" ends the flags and "-"
// is no flag. An unknown flag and a missing value are kInvalidConfig and name the flag as it was written.
Result<Options> parse_options(std::span<Flag const> flags, Positionals positionals,
                              std::span<char const* const> arguments);

}  // namespace krun::runtime
