// SPDX-License-Identifier: Apache-2.0
// Every spelling of a flag that engines use.
#include "runtime/cli/options.h"

#include <gtest/gtest.h>

namespace krun::runtime {
namespace {

constexpr Flag kFlags[] = {{"bundle", 'b', "DIR", ""},
                           {"log", 0, "FILE", ""},
                           {"force", 'f', nullptr, ""},
                           {"all", 'a', nullptr, ""},
                           {"no-subreaper", 0, nullptr, ""}};

Result<Options> parse(std::vector<char const*> const& words,
                      Positionals positionals = Positionals::kAnywhere) {
    return parse_options(kFlags, positionals, words);
}

struct Spelling {
    std::vector<char const*> words;
    char const* bundle;
};

TEST(Options, EverySpellingOfAValueIsRead) {
    Spelling const spellings[] = {
        {{"--bundle", "/b"}, "/b"},
        {{"--bundle=/b"}, "/b"},
        {{"-bundle", "/b"}, "/b"},
        {{"-bundle=/b"}, "/b"},
        {{"-b", "/b"}, "/b"},
        {{"-b=/b"}, "/b"},
        {{"-b/b"}, "/b"},
        {{"-fab", "/b"}, "/b"},
        {{"--bundle", "-"}, "-"},
        {{"--bundle="}, ""},
        {{"--bundle=a=b"}, "a=b"},
        {{"--bundle", "--force"}, "--force"},
        {{"-b", "/a", "-b/b"}, "/b"},
    };
    for (auto const& [words, bundle] : spellings) {
        auto const options = parse(words);
        ASSERT_TRUE(options.ok()) << words[0];
        EXPECT_EQ(options.value().value("bundle"), bundle) << words[0];
        EXPECT_TRUE(options.value().positionals().empty()) << words[0];
    }
}

TEST(Options, EverySpellingOfASwitchIsRead) {
    for (char const* on : {"-f", "--force", "-force", "--force=true", "--force=1", "-f=T", "-af", "-fa"})
        EXPECT_TRUE(parse({on}).value().on("force")) << on;
    for (char const* off : {"--force=false", "-f=0", "--force=F"})
        EXPECT_FALSE(parse({off}).value().on("force")) << off;
    EXPECT_TRUE(parse({"-no-subreaper"}).value().on("no-subreaper"));
}

TEST(Options, AFlagGivenAsFalseTextIsStillGiven) {
    EXPECT_EQ(parse({"--log", "false"}).value().value("log"), "false");
    EXPECT_TRUE(parse({"--log", "false"}).value().given("log"));
    EXPECT_FALSE(parse({}).value().given("log"));
}

TEST(Options, FlagsMayFollowPositionalsUnlessTheyStop) {
    auto const anywhere = parse({"id", "-f"});
    EXPECT_TRUE(anywhere.value().on("force"));
    EXPECT_EQ(anywhere.value().positionals(), std::vector<std::string>{"id"});

    auto const stopped = parse({"-f", "id", "-a", "--unknown"}, Positionals::kStopAtFirst);
    EXPECT_TRUE(stopped.value().on("force"));
    EXPECT_FALSE(stopped.value().on("all"));
    EXPECT_EQ(stopped.value().positionals(), (std::vector<std::string>{"id", "-a", "--unknown"}));
}

TEST(Options, TwoDashesEndTheFlagsAndOneDashIsNone) {
    EXPECT_EQ(parse({"--", "-f"}).value().positionals(), std::vector<std::string>{"-f"});
    EXPECT_EQ(parse({"-"}).value().positionals(), std::vector<std::string>{"-"});
}

struct Mistake {
    std::vector<char const*> words;
    char const* text;
};

TEST(Options, MistakesNameTheFlagAsItWasWritten) {
    Mistake const mistakes[] = {
        {{"--invalidflag"}, "unknown option --invalidflag"},
        {{"--invalidflag=x"}, "unknown option --invalidflag"},
        {{"-x"}, "unknown option -x"},
        {{"-fx"}, "unknown option -fx"},
        {{"--b", "/b"}, "unknown option --b"},
        {{"--="}, "unknown option --"},
        {{"--bundle"}, "flag needs an argument: --bundle"},
        {{"-fb"}, "flag needs an argument: -b"},
        {{"--force=maybe"}, "not true or false: the value of --force"},
    };
    for (auto const& [words, text] : mistakes) {
        auto const options = parse(words);
        ASSERT_FALSE(options.ok()) << words[0];
        EXPECT_EQ(options.error().message(), text);
        EXPECT_EQ(options.error().code(), Errc::kInvalidConfig);
    }
}

}  // namespace
}  // namespace krun::runtime
