// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/unpack_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/man_page.h"

namespace krun::image {
namespace {

using ::testing::ElementsAre;

using Words = std::vector<char const*>;

UnpackOptions parse(Words const& words) {
    return parse_unpack(words).value().value();
}
std::string error(Words const& words) {
    return parse_unpack(words).error().message();
}

TEST(UnpackCommand, FlagsMayStandAnywhere) {
    auto const options =
        parse({"-b", "dir", "image", "--tty", "--ref=name", "--max-size", "2M", "--", "cmd", "--x"});
    EXPECT_EQ(options.bundle, "dir");
    EXPECT_EQ(options.image, "image");
    EXPECT_EQ(options.name, "name");
    EXPECT_EQ(options.max_bytes, 2u << 20);
    EXPECT_TRUE(options.wishes.terminal);
    EXPECT_THAT(options.wishes.arguments, ElementsAre("cmd", "--x"));
}

TEST(UnpackCommand, DefaultsAreDocumented) {
    EXPECT_EQ(parse({"i", "--bundle", "b"}).max_bytes, uint64_t{64} << 30);
    EXPECT_NE(kUnpackHelp.find("default: 64G"), kUnpackHelp.npos);
}

TEST(UnpackCommand, SizesHaveUnitsAndFit) {
    auto const size = [](char const* text) { return parse({"i", "-b", "b", "--max-size", text}).max_bytes; };
    EXPECT_EQ(size("123"), 123u);
    EXPECT_EQ(size("1K"), 1024u);
    EXPECT_EQ(size("3G"), uint64_t{3} << 30);
    EXPECT_EQ(size("16T"), uint64_t{16} << 40);
    for (char const* const text : {"", "K", "-1", "1k", "1KB", "1.5G", "99999999T", "99999999999999999999"})
        EXPECT_EQ(error({"i", "-b", "b", "--max-size", text}),
                  "--max-size: not a size: \"" + std::string(text) + "\"");
}

TEST(UnpackCommand, MistakesAreToldInOneLine) {
    EXPECT_EQ(error({"--bundle", "b"}), "unpack: an image is required, see --help");
    EXPECT_EQ(error({"image"}), "unpack: --bundle DIR is required, see --help");
    EXPECT_EQ(error({"image", "--bundle"}), "flag needs an argument: \"--bundle\"");
    EXPECT_EQ(error({"image", "--bundel", "b"}), "unknown option \"--bundel\"");
    EXPECT_EQ(error({"image", "--tty=yes", "-b", "b"}), "flag takes no value: \"--tty\"");
    EXPECT_EQ(error({"image", "another", "-b", "b"}), "unexpected argument \"another\"");
}

TEST(UnpackCommand, HelpIsNoError) {
    EXPECT_FALSE(parse_unpack(Words{"image", "--help"}).value().has_value());
}

TEST(UnpackCommand, ManualPageAndHelpHaveTheSameFlagsAndTheParserKnowsThem) {
    auto const page = test::man_page("krun-config-gen");
    auto const flags = test::long_flags(std::string(kUnpackHelp));
    auto of_page = test::long_flags(test::section(page, ".SH UNPACK"));
    of_page.insert("help");  // told once for both
    EXPECT_EQ(of_page, flags);
    for (auto const& flag : flags) {
        auto const parsed = parse_unpack(Words{("--" + flag).c_str()});
        EXPECT_TRUE(parsed.ok() || parsed.error().message().find("unknown") == std::string::npos) << flag;
    }
}

}  // namespace
}  // namespace krun::image
