// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <gtest/gtest.h>

namespace krun {
namespace {

constexpr size_t kPlenty = size_t{4} << 20;

Json parsed(std::string_view text) {
    auto json = Json::parse(text, kPlenty);
    EXPECT_TRUE(json.ok()) << json.error().message();
    return json.ok() ? std::move(json).value() : Json();
}

std::string parse_failure(std::string_view text, size_t max_bytes = kPlenty) {
    auto const json = Json::parse(text, max_bytes);
    return json.ok() ? "accepted" : json.error().message();
}

std::string nested(size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
}

TEST(Json, EveryTypeIsTold) {
    Json const json = parsed(R"({"n":null,"b":true,"i":-7,"s":"x","a":[1,2],"o":{}})");
    EXPECT_TRUE(json.find("b")->flag());
    EXPECT_EQ(json.find("i")->text(), "-7");
    EXPECT_EQ(json.find("s")->text(), "x");
    EXPECT_EQ(json.find("a")->items().size(), 2u);
    EXPECT_EQ(json.find("o")->type(), JsonType::kObject);
}

TEST(Json, NullMemberIsAsGoodAsNone) {
    EXPECT_EQ(parsed(R"({"n":null})").find("n"), nullptr);
}

TEST(Json, LastOfTwoMembersWithOneNameWins) {
    EXPECT_EQ(parsed(R"({"cwd":"/first","cwd":"/last"})").find("cwd")->text(), "/last");
    EXPECT_EQ(parsed(R"({"cwd":"/first","cwd":null})").find("cwd"), nullptr);
}

TEST(Json, EscapesAreDecoded) {
    EXPECT_EQ(parsed(R"(["\"\\\/\n\u00e9\ud83d\ude00"])").items()[0].text(), "\"\\/\n\u00e9\U0001F600");
}

TEST(Json, EscapedNulIsRefusedBecausePathsWouldEndThere) {
    EXPECT_EQ(parse_failure(R"({"a":"x\u0000y"})"), "line 1: a string with a NUL byte");
    EXPECT_EQ(parse_failure(R"({"\u0000":1})"), "line 1: a string with a NUL byte");
}

TEST(Json, InvalidUtf8IsRefused) {
    EXPECT_EQ(parse_failure("[\"\xff\"]"), "line 1: a string that is not valid UTF-8");
    EXPECT_EQ(parse_failure("[\"\xc0\xaf\"]"), "line 1: a string that is not valid UTF-8");  // overlong '/'
    EXPECT_EQ(parse_failure(R"(["\udc00"])"), "line 1: a string that is not valid UTF-8");   // lone surrogate
}

TEST(Json, SyntaxErrorNamesItsLine) {
    EXPECT_EQ(parse_failure("{\n\"a\": 1,\n}"), "line 3: parse error: invalid object key (must be a string)");
    EXPECT_EQ(parse_failure(""), "line 1: parse error: premature EOF");
    EXPECT_EQ(parse_failure("{} {}"), "line 1: parse error: trailing garbage");
    EXPECT_EQ(parse_failure("[1,]").substr(0, 7), "line 1:");
    EXPECT_EQ(parse_failure("// no comments\n1").substr(0, 7), "line 1:");
}

TEST(Json, DepthIsBounded) {
    EXPECT_EQ(parse_failure(nested(kMaxJsonDepth)), "accepted");
    EXPECT_EQ(parse_failure(nested(kMaxJsonDepth + 1)), "line 1: nested deeper than 64 levels");
    EXPECT_EQ(parse_failure(std::string(1'000'000, '[')), "line 1: nested deeper than 64 levels");
}

TEST(Json, NumberOfValuesIsBounded) {
    std::string many = "[0";
    for (size_t i = 0; i < kMaxJsonValues; ++i) many += ",0";
    EXPECT_EQ(parse_failure(many + "]"), "line 1: more than a million values");
}

TEST(Json, TooLongTextIsRefusedUnread) {
    EXPECT_EQ(parse_failure("[1,2]", 5), "accepted");
    EXPECT_EQ(parse_failure("[1,2 ]", 5), "JSON text of 6 bytes is larger than the limit of 5");
}

TEST(JsonAt, PathNamesEveryLevel) {
    Json const json = parsed(R"({"process":{"rlimits":[{},{"type":3}]}})");
    JsonAt const root(json);
    JsonAt const process(root, "process", *json.find("process"));
    JsonAt const rlimits(process, "rlimits", *process.json().find("rlimits"));
    JsonAt const second(rlimits, size_t{1}, rlimits.json().items()[1]);
    JsonAt const type(second, "type", *second.json().find("type"));
    EXPECT_EQ(type.string().error().message(), "process.rlimits[1].type: must be a string, is a number");
}

// Reads `digits` as an integer of [min, max]; the error's text if it is none.
std::string read_integer(std::string_view digits, int64_t min, int64_t max) {
    Json const json = parsed(digits);
    auto const number = JsonAt(json, "n").integer(min, max);
    return number.ok() ? std::to_string(number.value()) : number.error().message();
}

TEST(JsonAt, IntegerIsExactToTheLastBit) {
    EXPECT_EQ(read_integer("9223372036854775807", INT64_MIN, INT64_MAX), "9223372036854775807");
    EXPECT_EQ(read_integer("-9223372036854775808", INT64_MIN, INT64_MAX), "-9223372036854775808");
    Json const big = parsed("18446744073709551615");
    EXPECT_EQ(JsonAt(big).unsigned_integer(UINT64_MAX).value(), UINT64_MAX);
}

TEST(JsonAt, IntegerOutOfRangeOrNotWholeIsRefused) {
    EXPECT_EQ(
        read_integer("9223372036854775808", INT64_MIN, INT64_MAX),
        "n: must be an integer from -9223372036854775808 to 9223372036854775807, is 9223372036854775808");
    EXPECT_EQ(read_integer("256", 0, 255), "n: must be an integer from 0 to 255, is 256");
    EXPECT_EQ(read_integer("1.0", 0, 255), "n: must be an integer from 0 to 255, is 1.0");
    EXPECT_EQ(read_integer("1e2", 0, 255), "n: must be an integer from 0 to 255, is 1e2");
}

TEST(JsonAt, NumberOfAThousandDigitsDoesNotFillTheMessage) {
    EXPECT_LT(read_integer(std::string(1000, '9'), 0, 255).size(), 120u);
}

}  // namespace
}  // namespace krun
