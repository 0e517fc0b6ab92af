// SPDX-License-Identifier: Apache-2.0
// man/krun-oci.1 and the rows of the commands say the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "oci/annotations.h"
#include "runtime/command_table.h"
#include "runtime/globals.h"
#include "tests/support/golden.h"

namespace krun::runtime {
namespace {

// The page without fonts, quotes and escapes (groff_man(7)): what a reader sees, line by line.
std::string page() {
    auto const source = test::read_source_file("man/krun-oci.1");
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
std::string section(std::string const& text, std::string const& heading) {
    auto const begin = text.find("\n" + heading);
    if (begin == text.npos) return {};
    auto const end = std::min(text.find("\n.SS", begin + 1), text.find("\n.SH", begin + 1));
    return text.substr(begin, end - begin);
}

bool is_part_of_a_flag(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-';
}

bool has_word(std::string_view line, std::string_view word) {
    for (auto at = line.find(word); at != line.npos; at = line.find(word, at + 1)) {
        auto const after = at + word.size();
        bool const begins = at == 0 || !is_part_of_a_flag(line[at - 1]);
        if (begins && (after == line.size() || !is_part_of_a_flag(line[after]))) return true;
    }
    return false;
}

// Whether a line of `text` has every spelling of the flag.
bool tells_of(std::string const& text, Flag const& flag) {
    for (auto const line : split(text, '\n')) {
        bool const by_letter = flag.short_name == 0 || has_word(line, std::string{'-', flag.short_name});
        if (by_letter && has_word(line, std::string("--") + flag.name)) return true;
    }
    return false;
}

std::string text_about(Command const& command) {
    auto const text = page();
    auto own = section(text, std::string(".SS ") + command.name);
    // run takes those of create, and says so.
    if (own.find("Takes the flags of") != own.npos) own += section(text, ".SS create");
    return own;
}

TEST(ManPage, HasEachCommandAndEachOfItsFlags) {
    for (auto const* command : commands()) {
        if (command->run == nullptr) continue;
        auto const text = text_about(*command);
        EXPECT_NE(text, "") << command->name;
        for (auto const& flag : command->flags) {
            bool const is_help = flag.name == std::string_view(kHelpFlag.name);  // told once for all
            EXPECT_TRUE(is_help || tells_of(text, flag)) << command->name << " --" << flag.name;
        }
    }
}

TEST(ManPage, HasEachGlobalFlag) {
    auto const text = section(page(), ".SH GLOBAL FLAGS");
    for (auto const& flag : global_flags())
        EXPECT_TRUE(flag.help == nullptr || tells_of(text, flag)) << "--" << flag.name;
}

TEST(ManPage, HasNoFlagThatDoesNotExist) {
    std::set<std::string> known;
    for (auto const& flag : global_flags()) known.insert(flag.name);
    for (auto const* command : commands())
        for (auto const& flag : command->flags) known.insert(flag.name);
    auto const text = page();
    for (auto at = text.find("--"); at != text.npos; at = text.find("--", at + 2)) {
        auto end = at + 2;
        while (end < text.size() && is_part_of_a_flag(text[end])) ++end;
        auto const name = text.substr(at + 2, end - at - 2);
        EXPECT_TRUE(name.empty() || known.contains(name)) << "--" << name;
    }
}

TEST(ManPage, HasEachAnnotation) {
    auto const text = section(page(), ".SH ANNOTATIONS");
    for (auto const& help : oci::annotation_help()) EXPECT_TRUE(has_word(text, help.key)) << help.key;
}

}  // namespace
}  // namespace krun::runtime
