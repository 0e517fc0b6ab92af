// SPDX-License-Identifier: Apache-2.0
// man/krun-oci.1 and the rows of the commands say the same.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/strings.h"
#include "oci/annotations.h"
#include "runtime/command_table.h"
#include "runtime/globals.h"
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
    for (auto const& name : test::long_flags(page())) EXPECT_TRUE(known.contains(name)) << "--" << name;
}

TEST(ManPage, HasEachAnnotation) {
    auto const text = section(page(), ".SH ANNOTATIONS");
    for (auto const& help : oci::annotation_help()) EXPECT_TRUE(has_word(text, help.key)) << help.key;
}

}  // namespace
}  // namespace krun::runtime
