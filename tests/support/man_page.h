// SPDX-License-Identifier: Apache-2.0
// A manual page as its reader sees it, to compare it with the program.
#pragma once
#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <string_view>

#include "tests/support/golden.h"

namespace krun::test {

// man/NAME.1 without fonts, quotes and escapes (groff_man(7)), line by line.
inline std::string man_page(std::string const& name) {
    auto const source = read_source_file("man/" + name + ".1");
    std::string out;
    for (size_t i = 0; i < source.size(); ++i) {
        if (source[i] == '"') continue;
        if (source[i] == '\\' && i + 1 < source.size()) {
            if (source[++i] == 'f') ++i;  // \fB
            if (source[i] == '-') out += '-';
            continue;
        }
        out += source[i];
    }
    return out;
}

// From the heading on to the next of its kind.
inline std::string section(std::string const& text, std::string const& heading) {
    auto const begin = text.find("\n" + heading);
    if (begin == text.npos) return {};
    auto const end = std::min(text.find("\n.SS", begin + 1), text.find("\n.SH", begin + 1));
    return text.substr(begin, end - begin);
}

inline bool is_part_of_a_flag(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-';
}

inline bool has_word(std::string_view line, std::string_view word) {
    for (auto at = line.find(word); at != line.npos; at = line.find(word, at + 1)) {
        auto const after = at + word.size();
        bool const begins = at == 0 || !is_part_of_a_flag(line[at - 1]);
        if (begins && (after == line.size() || !is_part_of_a_flag(line[after]))) return true;
    }
    return false;
}

// The names of all long flags in a text, without their dashes.
inline std::set<std::string> long_flags(std::string const& text) {
    std::set<std::string> out;
    for (auto at = text.find("--"); at != text.npos; at = text.find("--", at + 2)) {
        auto end = at + 2;
        while (end < text.size() && is_part_of_a_flag(text[end])) ++end;
        if (end > at + 2) out.insert(text.substr(at + 2, end - at - 2));
    }
    return out;
}

}  // namespace krun::test
