// SPDX-License-Identifier: Apache-2.0
// Reading JSON (RFC 8259): text -> tree, and typed access that can name the place it failed at.
// A tree is bounded in depth and number of values, its strings are valid UTF-8 without NUL, its numbers keep
// their digits. Of two members with one name the last wins, as in Go, so that we and the engines that
// wrote the file read the same thing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace krun {

enum class JsonType : uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };

// "a string", "an object", …: for messages.
std::string_view describe(JsonType type);

// Deepest nesting of arrays and objects. config.json needs 7; the bound keeps recursion finite.
inline constexpr size_t kMaxJsonDepth = 64;
// Most values in one text. A large seccomp profile has about 3,000; the bound keeps a tree of "[0,0,0,…"
// from using a hundred times the memory of its text.
inline constexpr size_t kMaxJsonValues = 1'000'000;

// One value and all below it. Immutable after parse().
class Json {
public:
    // Parses one JSON text; white space around it is allowed, anything else is not. A text longer than
    // `max_bytes` is refused unread. Errors are kInvalidConfig and start with "line N: ".
    static Result<Json> parse(std::string_view text, size_t max_bytes);

    Json() = default;  // null
    explicit Json(bool value) : type_(JsonType::kBool), flag_(value) {}
    // A string, or a number's digits as they were written.
    Json(JsonType type, std::string text) : type_(type), text_(std::move(text)) {}
    explicit Json(JsonType type) : type_(type) {}

    JsonType type() const { return type_; }
    bool is_null() const { return type_ == JsonType::kNull; }
    // null, false, "", [] or {}: a way of some writers to say that there is nothing.
    bool is_empty() const { return type_ != JsonType::kNumber && !flag_ && text_.empty() && items_.empty(); }
    bool flag() const { return flag_; }                // of a kBool
    std::string const& text() const { return text_; }  // of a kString or kNumber
    // Of a kArray or kObject, in file order; names() has one name for each item of a kObject.
    std::vector<Json> const& items() const { return items_; }
    std::vector<std::string> const& names() const { return names_; }

    // The member `name`, or nullptr if there is none or it is null: Go writes absent pointers as null.
    Json const* find(std::string_view name) const;

private:
    friend class JsonBuilder;
    JsonType type_ = JsonType::kNull;
    bool flag_ = false;
    std::string text_;
    std::vector<Json> items_;
    std::vector<std::string> names_;
};

// A value and the way to it: "process.rlimits[2].type". A child refers to its parent on the caller's
// stack, so pass it down, never store it. The path's text is made only for an error.
class JsonAt {
public:
    // The root of a tree; an empty `name` makes paths start at the first member.
    explicit JsonAt(Json const& value, std::string_view name = {}) : value_(value), name_(name) {}
    JsonAt(JsonAt const& parent, std::string_view name, Json const& value)
        : value_(value), parent_(&parent), name_(name) {}
    JsonAt(JsonAt const& parent, size_t index, Json const& value)
        : value_(value), parent_(&parent), index_(index) {}

    Json const& json() const { return value_; }
    std::string path() const;
    // "path: text", kInvalidConfig.
    Error error(std::string text, Errc code = Errc::kInvalidConfig, Where where = Where::current()) const;

    // Each fails with "must be a string, is an object" and the like.
    Result<void> expect(JsonType type) const;
    Result<bool> boolean() const;
    Result<std::string> string() const;
    // An integer written without fraction or exponent, within [min, max].
    Result<int64_t> integer(int64_t min, int64_t max) const;
    Result<uint64_t> unsigned_integer(uint64_t max) const;

private:
    static constexpr size_t kNoIndex = SIZE_MAX;
    Json const& value_;
    JsonAt const* parent_ = nullptr;
    std::string_view name_;
    size_t index_ = kNoIndex;
};

}  // namespace krun
