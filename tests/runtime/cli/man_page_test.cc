// SPDX-License-Identifier: Apache-2.0
// The manual pages and the rows of the commands say the same.
#include <gtest/gtest.h>

#include <cctype>
#include <set>
#include <string>
#include <vector>

#include "base/strings.h"
#include "oci/annotations.h"
#include "runtime/cli/command_table.h"
#include "runtime/cli/globals.h"
#include "tests/support/man_page.h"

namespace krun::runtime {
namespace {

using test::has_word;
using test::section;

std::string page() {
    return test::man_page("krun-oci");
}

// Whether a line of `text` has every spelling of the flag.
bool tells_of(std::string const& text, Flag const& flag) {
    for (auto const line : split(text, '\n')) {
        bool const by_letter = flag.short_name == 0 || has_word(line, std::string{'-', flag.short_name});
        if (by_letter && has_word(line, std::string("--") + flag.name)) return true;
    }
    return false;
}

// The commands that can be called.
std::vector<Command const*> present_commands() {
    std::vector<Command const*> out;
    for (auto const* command : commands())
        if (command->run != nullptr) out.push_back(command);
    return out;
}

std::string page_of(Command const& command) {
    return test::man_page(std::string("krun-oci-") + command.name);
}

std::string flags_told(Command const& command) {
    auto out = section(page_of(command), ".SH FLAGS");
    // run takes those of create, and says so.
    if (out.find("Takes the flags of") != out.npos) out += section(page_of(kCreateCommand), ".SH FLAGS");
    return out;
}

// The words of "ID [COMMAND [ARGUMENT...]]".
std::vector<std::string> words_of(std::string_view arguments) {
    std::vector<std::string> out(1);
    for (char const c : arguments) {
        if (std::isupper(static_cast<unsigned char>(c)) != 0)
            out.back() += c;
        else if (!out.back().empty())
            out.emplace_back();
    }
    std::erase(out, "");
    return out;
}

TEST(ManPage, EachCommandHasOneThatIsNamedAsItsHelpSays) {
    for (auto const* command : present_commands()) {
        auto const line = std::string("krun-oci-") + command->name + " - " + command->summary;
        EXPECT_EQ(section(page_of(*command), ".SH NAME"), "\n.SH NAME\n" + line);
        EXPECT_TRUE(has_word(page(), std::string("krun-oci-") + command->name)) << command->name;
    }
}

TEST(ManPage, OfACommandHasItsArguments) {
    for (auto const* command : present_commands())
        for (auto const& word : words_of(command->arguments))
            EXPECT_TRUE(has_word(section(page_of(*command), ".SH SYNOPSIS"), word))
                << command->name << " " << word;
}

TEST(ManPage, OfACommandHasEachOfItsFlagsAndNoOther) {
    for (auto const* command : present_commands()) {
        auto const text = flags_told(*command);
        std::set<std::string> known;
        for (auto const& flag : command->flags) {
            known.insert(flag.name);
            bool const is_help = flag.name == std::string_view(kHelpFlag.name);  // told once for all
            EXPECT_TRUE(is_help || tells_of(text, flag)) << command->name << " --" << flag.name;
        }
        for (auto const& name : test::long_flags(page_of(*command)))
            EXPECT_TRUE(known.contains(name)) << command->name << " --" << name;
    }
}

TEST(ManPage, HasEachGlobalFlagAndNoOther) {
    auto const text = section(page(), ".SH GLOBAL FLAGS");
    std::set<std::string> known;
    for (auto const& flag : global_flags()) {
        known.insert(flag.name);
        EXPECT_TRUE(flag.help == nullptr || tells_of(text, flag)) << "--" << flag.name;
    }
    for (auto const& name : test::long_flags(page())) EXPECT_TRUE(known.contains(name)) << "--" << name;
}

TEST(ManPage, HasEachAnnotation) {
    auto const text = section(page(), ".SH ANNOTATIONS");
    for (auto const& help : oci::annotation_help()) EXPECT_TRUE(has_word(text, help.key)) << help.key;
}

}  // namespace
}  // namespace krun::runtime
