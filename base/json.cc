// SPDX-License-Identifier: Apache-2.0
// The only file that includes yajl. yajl drives; JsonBuilder keeps the bounds and builds the tree.
#include "base/json.h"

#include <yajl/yajl_parse.h>

#include <algorithm>
#include <memory>

#include "base/strings.h"

namespace krun {

// Collects yajl's events. A method that returns false ends the parse; why() then says the reason.
class JsonBuilder {
public:
    bool add(Json value) {
        if (++values_ > kMaxJsonValues) return refuse("more than a million values");
        place(std::move(value));
        return true;
    }
    bool add_text(JsonType type, unsigned char const* bytes, size_t len) {
        std::string text(reinterpret_cast<char const*>(bytes), len);  // char may alias anything
        if (type == JsonType::kString && !check_text(text)) return false;
        return add(Json(type, std::move(text)));
    }
    bool add_key(unsigned char const* bytes, size_t len) {
        std::string name(reinterpret_cast<char const*>(bytes), len);
        if (!check_text(name)) return false;
        open_.back()->names_.push_back(std::move(name));
        return true;
    }
    bool begin(JsonType type) {
        if (open_.size() >= kMaxJsonDepth) return refuse("nested deeper than 64 levels");
        if (++values_ > kMaxJsonValues) return refuse("more than a million values");
        open_.push_back(place(Json(type)));
        return true;
    }
    bool end() {
        open_.pop_back();
        return true;
    }
    char const* why() const { return why_; }
    Json take() && { return std::move(root_); }

private:
    bool refuse(char const* why) {
        why_ = why;
        return false;
    }
    bool check_text(std::string const& text) {
        if (text.find('\0') != std::string::npos) return refuse("a string with a NUL byte");
        return is_utf8(text) || refuse("a string that is not valid UTF-8");
    }
    // Pointers in open_ stay good: a container's vector grows only while it is the innermost one.
    Json* place(Json value) {
        if (open_.empty()) {
            root_ = std::move(value);
            return &root_;
        }
        return &open_.back()->items_.emplace_back(std::move(value));
    }

    Json root_;
    std::vector<Json*> open_;
    size_t values_ = 0;
    char const* why_ = nullptr;
};

namespace {

JsonBuilder& builder(void* context) {
    return *static_cast<JsonBuilder*>(context);
}

constexpr yajl_callbacks kCallbacks = {
    .yajl_null = [](void* c) -> int { return builder(c).add(Json()); },
    .yajl_boolean = [](void* c, int v) -> int { return builder(c).add(Json(v != 0)); },
    .yajl_integer = nullptr,  // yajl_number gets every number, with its digits
    .yajl_double = nullptr,
    .yajl_number = [](void* c, char const* digits, size_t len) -> int {
        return builder(c).add(Json(JsonType::kNumber, std::string(digits, len)));
    },
    .yajl_string = [](void* c, unsigned char const* text, size_t len) -> int {
        return builder(c).add_text(JsonType::kString, text, len);
    },
    .yajl_start_map = [](void* c) -> int { return builder(c).begin(JsonType::kObject); },
    .yajl_map_key = [](void* c, unsigned char const* name, size_t len) -> int {
        return builder(c).add_key(name, len);
    },
    .yajl_end_map = [](void* c) -> int { return builder(c).end(); },
    .yajl_start_array = [](void* c) -> int { return builder(c).begin(JsonType::kArray); },
    .yajl_end_array = [](void* c) -> int { return builder(c).end(); },
};

struct FreeHandle {
    void operator()(yajl_handle handle) const { yajl_free(handle); }
};
using Handle = std::unique_ptr<yajl_handle_t, FreeHandle>;

// yajl's own words, which end in a newline.
std::string parser_reason(yajl_handle handle) {
    unsigned char* const text = yajl_get_error(handle, 0, nullptr, 0);
    std::string reason(reinterpret_cast<char const*>(text));  // char may alias anything
    yajl_free_error(handle, text);
    while (!reason.empty() && reason.back() == '\n') reason.pop_back();
    return reason;
}

Error parse_error(yajl_handle handle, JsonBuilder const& tree, std::string_view text) {
    size_t const consumed = std::min(yajl_get_bytes_consumed(handle), text.size());
    auto const line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(consumed), '\n');
    std::string const reason = tree.why() != nullptr ? tree.why() : parser_reason(handle);
    return Error(Errc::kInvalidConfig, "line " + std::to_string(line) + ": " + reason);
}

}  // namespace

std::string_view describe(JsonType type) {
    switch (type) {
        case JsonType::kNull:
            return "null";
        case JsonType::kBool:
            return "a boolean";
        case JsonType::kNumber:
            return "a number";
        case JsonType::kString:
            return "a string";
        case JsonType::kArray:
            return "an array";
        case JsonType::kObject:
            return "an object";
    }
    return "a value";
}

Result<Json> Json::parse(std::string_view text, size_t max_bytes) {
    if (text.size() > max_bytes)
        return fail(Error(Errc::kInvalidConfig, "JSON text of " + std::to_string(text.size()) +
                                                    " bytes is larger than the limit of " +
                                                    std::to_string(max_bytes)));
    JsonBuilder tree;
    Handle const handle(yajl_alloc(&kCallbacks, nullptr, &tree));
    if (!handle) return fail(Error(Errc::kSystem, "allocate a JSON parser", ENOMEM));
    // Its check lets overlong forms through and does not see \u escapes; check_text() does both.
    yajl_config(handle.get(), yajl_dont_validate_strings, 1);
    auto const* const bytes = reinterpret_cast<unsigned char const*>(text.data());  // may alias
    if (yajl_parse(handle.get(), bytes, text.size()) != yajl_status_ok ||
        yajl_complete_parse(handle.get()) != yajl_status_ok)
        return fail(parse_error(handle.get(), tree, text));
    return std::move(tree).take();
}

Json const* Json::find(std::string_view name) const {
    for (size_t i = names_.size(); i-- > 0;)
        if (names_[i] == name) return items_[i].is_null() ? nullptr : &items_[i];
    return nullptr;
}

std::string JsonAt::path() const {
    std::string const before = parent_ == nullptr ? "" : parent_->path();
    if (index_ != kNoIndex) return before + "[" + std::to_string(index_) + "]";
    // A map's key is the user's, as long and as odd as he likes.
    constexpr size_t kMaxBytes = 100;
    return before + (before.empty() || name_.empty() ? "" : ".") + printable(name_.substr(0, kMaxBytes));
}

Error JsonAt::error(std::string text, Errc code, Where where) const {
    std::string const at = path();
    return Error(code, at.empty() ? std::move(text) : at + ": " + text, 0, where);
}

Result<void> JsonAt::expect(JsonType type) const {
    if (value_.type() == type) return {};
    return fail(
        error("must be " + std::string(describe(type)) + ", is " + std::string(describe(value_.type()))));
}

Result<bool> JsonAt::boolean() const {
    TRY(expect(JsonType::kBool));
    return value_.flag();
}

Result<std::string> JsonAt::string() const {
    TRY(expect(JsonType::kString));
    return value_.text();
}

// A number's digits for a message; a number may have a megabyte of them.
static std::string shown(std::string const& digits) {
    return digits.size() <= 40 ? digits : digits.substr(0, 40) + "…";
}

Result<int64_t> JsonAt::integer(int64_t min, int64_t max) const {
    TRY(expect(JsonType::kNumber));
    auto const number = parse_int64(value_.text());
    if (!number || *number < min || *number > max)
        return fail(error("must be an integer from " + std::to_string(min) + " to " + std::to_string(max) +
                          ", is " + shown(value_.text())));
    return *number;
}

Result<uint64_t> JsonAt::unsigned_integer(uint64_t max) const {
    TRY(expect(JsonType::kNumber));
    auto const number = parse_uint64(value_.text());
    if (!number || *number > max)
        return fail(
            error("must be an integer from 0 to " + std::to_string(max) + ", is " + shown(value_.text())));
    return *number;
}

}  // namespace krun
