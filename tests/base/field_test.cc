// SPDX-License-Identifier: Apache-2.0
#include "base/field.h"

#include <gtest/gtest.h>

namespace krun {
namespace {

struct Wheel {
    std::string kind;
    uint16_t size = 0;
};
struct Car {
    std::string name;
    bool fast = false;
    std::vector<Wheel> wheels;
    std::optional<int32_t> doors;
    std::map<std::string, std::string> labels;
    std::optional<Wheel> spare;
};

}  // namespace

template <>
struct FieldsOf<Wheel> {
    static constexpr Field<Wheel> rows[] = {
        field<&Wheel::kind>("kind", Effect::kHost, kRequired),
        field<&Wheel::size>("size", Effect::kHost),
    };
};
template <>
struct FieldsOf<Car> {
    static constexpr Field<Car> rows[] = {
        field<&Car::name>("name", Effect::kHost, kRequired),
        field<&Car::fast>("fast"),
        field<&Car::wheels>("wheels"),
        field<&Car::doors>("doors"),
        field<&Car::labels>("labels"),
        field<&Car::spare>("spare"),
        field_without_member<Car>("wings", "object[]", Effect::kRefused, "cars do not fly"),
        field_without_member<Car>("colour", "string", Effect::kIgnored, "they are all black"),
    };
};

namespace {

Result<Car> read_car(std::string_view text) {
    auto const json = TRY(Json::parse(text, 4096));
    return read_object<Car>("car", json);
}

std::string failure(std::string_view text) {
    auto const car = read_car(text);
    return car.ok() ? "accepted" : car.error().message();
}

std::string rewritten(std::string_view text) {
    auto const car = read_car(text);
    EXPECT_TRUE(car.ok()) << car.error().message();
    JsonWriter writer;
    if (car.ok()) write_value(writer, car.value());
    return std::move(writer).take();
}

TEST(Fields, WhatIsReadIsWrittenAgain) {
    std::string const text =
        R"({"name":"T","fast":true,"wheels":[{"kind":"wood","size":65535},{"kind":"steel"}],)"
        R"("doors":0,"labels":{"a":"b"},"spare":{"kind":"rubber"}})";
    EXPECT_EQ(rewritten(text), text);
}

TEST(Fields, DefaultsAreNotWritten) {
    EXPECT_EQ(rewritten(R"({"name":"","fast":false,"wheels":[],"labels":{},"doors":null})"),
              R"({"name":""})");
}

TEST(Fields, MissingRequiredFieldIsNamedWithItsPath) {
    EXPECT_EQ(failure("{}"), "car.name: required field is missing");
    EXPECT_EQ(failure(R"({"name":null})"), "car.name: required field is missing");
    EXPECT_EQ(failure(R"({"name":"T","wheels":[{"kind":"wood"},{"size":3}]})"),
              "car.wheels[1].kind: required field is missing");
}

TEST(Fields, WrongTypeSaysExpectedAndFound) {
    EXPECT_EQ(failure("[]"), "car: must be an object, is an array");
    EXPECT_EQ(failure(R"({"name":[]})"), "car.name: must be a string, is an array");
    EXPECT_EQ(failure(R"({"name":"T","fast":"yes"})"), "car.fast: must be a boolean, is a string");
    EXPECT_EQ(failure(R"({"name":"T","wheels":{}})"), "car.wheels: must be an array, is an object");
    EXPECT_EQ(failure(R"({"name":"T","labels":{"a":1}})"), "car.labels.a: must be a string, is a number");
}

TEST(Fields, IntegerRangeIsThatOfTheMember) {
    EXPECT_EQ(failure(R"({"name":"T","spare":{"kind":"k","size":65536}})"),
              "car.spare.size: must be an integer from 0 to 65535, is 65536");
    EXPECT_EQ(failure(R"({"name":"T","doors":2147483648})"),
              "car.doors: must be an integer from -2147483648 to 2147483647, is 2147483648");
}

TEST(Fields, UnknownMembersAreAcceptedSilently) {
    EXPECT_EQ(failure(R"({"name":"T","radio":{"loud":true}})"), "accepted");
}

TEST(Fields, RefusedMemberIsUnsupportedUnlessEmpty) {
    auto const car = read_car(R"({"name":"T","wings":[{}]})");
    ASSERT_FALSE(car.ok());
    EXPECT_EQ(car.error().code(), Errc::kUnsupported);
    EXPECT_EQ(car.error().message(), "car.wings: is not supported: cars do not fly");
    EXPECT_EQ(failure(R"({"name":"T","wings":[]})"), "accepted");
    EXPECT_EQ(failure(R"({"name":"T","wings":null})"), "accepted");
}

struct Paths : FieldVisitor {
    void field(std::string const& path, std::string_view type, Effect, Presence, std::string_view) override {
        list.push_back(path + " " + std::string(type));
    }
    std::vector<std::string> list;
};

TEST(Fields, VisitorSeesEveryRowWithItsPathAndType) {
    Paths paths;
    visit_fields<Car>("", paths);
    std::vector<std::string> const expected = {
        "name string",           "fast boolean",       "wheels object[]", "wheels[].kind string",
        "wheels[].size integer", "doors integer",      "labels map",      "spare object",
        "spare.kind string",     "spare.size integer", "wings object[]",  "colour string"};
    EXPECT_EQ(paths.list, expected);
}

}  // namespace
}  // namespace krun
