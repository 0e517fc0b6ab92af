// SPDX-License-Identifier: Apache-2.0
#include "base/json_writer.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace krun {
namespace {

std::string written(std::string_view text) {
    JsonWriter writer;
    writer.string(text);
    return std::move(writer).take();
}

void write_sample(JsonWriter& writer) {
    writer.begin_object();
    writer.key("list").begin_array().integer(-1).boolean(true).null().end_array();
    writer.key("empty").begin_object().end_object();
    writer.key("big").unsigned_integer(UINT64_MAX);
    writer.end_object();
}

TEST(JsonWriter, CompactHasNoSpace) {
    JsonWriter writer;
    write_sample(writer);
    EXPECT_EQ(std::move(writer).take(), R"({"list":[-1,true,null],"empty":{},"big":18446744073709551615})");
}

TEST(JsonWriter, IndentedHasOneMemberALine) {
    JsonWriter writer(JsonWriter::Style::kIndented);
    write_sample(writer);
    EXPECT_EQ(std::move(writer).take(),
              "{\n  \"list\": [\n    -1,\n    true,\n    null\n  ],\n  \"empty\": {},\n"
              "  \"big\": 18446744073709551615\n}");
}

TEST(JsonWriter, ControlBytesAndQuotesAreEscaped) {
    EXPECT_EQ(written("a\"b\\c\n\t\x01\x1f/"), R"("a\"b\\c\n\t\u0001\u001f/")");
}

TEST(JsonWriter, BytesThatAreNotUtf8BecomeTheReplacementCharacter) {
    EXPECT_EQ(written("caf\xc3\xa9 \xff."), "\"caf\xc3\xa9 \xEF\xBF\xBD.\"");
}

TEST(JsonWriter, WhatItWritesCanBeReadBack) {
    std::string all;
    for (int c = 1; c < 128; ++c) all += static_cast<char>(c);
    auto const json = Json::parse(written(all), 4096);
    ASSERT_TRUE(json.ok()) << json.error().message();
    EXPECT_EQ(json.value().text(), all);
}

}  // namespace
}  // namespace krun
