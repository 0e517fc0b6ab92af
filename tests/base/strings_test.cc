// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"

#include <gtest/gtest.h>

namespace krun {
namespace {

TEST(ParseInteger, WholeDecimalTextIsRead) {
    EXPECT_EQ(parse_int64("-9223372036854775808"), INT64_MIN);
    EXPECT_EQ(parse_uint64("18446744073709551615"), UINT64_MAX);
    EXPECT_EQ(parse_octal("0755"), 0755u);
}

TEST(ParseInteger, AnythingElseIsNothing) {
    for (char const* const text : {"", " 1", "1 ", "+1", "0x10", "1.0", "1e3", "9223372036854775808"})
        EXPECT_EQ(parse_int64(text), std::nullopt) << text;
    for (char const* const text : {"-1", "18446744073709551616"})
        EXPECT_EQ(parse_uint64(text), std::nullopt) << text;
    EXPECT_EQ(parse_octal("8"), std::nullopt);
}

TEST(Split, EmptyPartsAreKept) {
    EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
    EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
    EXPECT_EQ(split(",", ','), (std::vector<std::string_view>{"", ""}));
}

TEST(Join, SeparatorStandsBetweenPartsOnly) {
    std::vector<std::string> const parts = {"a", "b", "c"};
    EXPECT_EQ(join(parts, ", "), "a, b, c");
    EXPECT_EQ(join({}, ", "), "");
}

TEST(Quoted, ControlBytesCannotForgeALine) {
    EXPECT_EQ(krun::quoted("a\nb\x1b[31m\x7f"), R"("a\x0ab\x1b[31m\x7f")");
    EXPECT_EQ(krun::quoted("say \"hi\" \\"), R"("say \"hi\" \\")");
    EXPECT_EQ(krun::quoted("\xff"), R"("\xff")");
    EXPECT_EQ(krun::quoted("caf\xc3\xa9"), "\"caf\xc3\xa9\"");
}

TEST(Quoted, LongTextIsCut) {
    EXPECT_EQ(krun::quoted(std::string(201, 'a')), "\"" + std::string(200, 'a') + "…\"");
    EXPECT_EQ(krun::quoted(std::string(200, 'a')), "\"" + std::string(200, 'a') + "\"");
}

TEST(Utf8, OnlyShortestFormsOfRealCodePointsAreValid) {
    for (char const* const good : {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                                   "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
        EXPECT_TRUE(is_utf8(good)) << good;
    for (char const* const bad :
         {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc2", "\xe2\x82", "a\xff"})
        EXPECT_FALSE(is_utf8(bad)) << bad;
}

}  // namespace
}  // namespace krun
