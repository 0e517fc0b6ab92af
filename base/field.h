// SPDX-License-Identifier: Apache-2.0
// JSON objects as tables: one row says a member's name, how it is read into a struct and written from it,
// and where it takes effect. Reading, writing, `features` and the conformance page all come from the rows.
//
//   template <> struct krun::FieldsOf<Root> {
//       static constexpr Field<Root> rows[] = {
//           field<&Root::path>("path", Effect::kHost, kRequired),
//           field<&Root::readonly>("readonly", Effect::kHostAndGuest),
//       };
//   };
#pragma once
#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/json_writer.h"

namespace krun {

// Where a member of the user's config takes effect.
enum class Effect : uint8_t {
    kHost,          // the container process: the machine monitor, its file server, its cgroup
    kGuest,         // the payload, inside the virtual machine
    kHostAndGuest,  // both
    kIgnored,       // accepted without effect; the note says why that is safe
    kRefused,       // an error unless absent or empty; the note says why
};

enum class Presence : uint8_t { kOptional, kRequired };
inline constexpr Presence kRequired = Presence::kRequired;
inline constexpr Presence kOptional = Presence::kOptional;

// The rows of `Object`; specialised beside the table.
template <class Object>
struct FieldsOf;

template <class T>
concept HasFields = requires {
    FieldsOf<T>::rows;
};

// Visits every row below an object: for documentation and completeness tests.
struct FieldVisitor {
    virtual ~FieldVisitor() = default;
    // `path` is "linux.devices[].path"; `type` a word for the reader, such as "string" or "object[]".
    virtual void field(std::string const& path, std::string_view type, Effect effect, Presence presence,
                       std::string_view note) = 0;
};

template <class Object>
struct Field {
    std::string_view name;
    Effect effect;
    Presence presence;
    std::string_view note;
    Result<void> (*read)(JsonAt const& json, Object& out);
    // Writes key and value, or nothing for a member that has its default value and is not required.
    void (*write)(JsonWriter& writer, std::string_view name, Object const& object, Presence presence);
    std::string_view type;
    void (*visit_below)(std::string const& path, FieldVisitor& visitor);  // nullptr if it has no rows
};

// ---- Values. A folder adds an overload of read_value/write_value beside its own type. ----

inline Result<void> read_value(JsonAt const& json, bool& out) {
    out = TRY(json.boolean());
    return {};
}
inline Result<void> read_value(JsonAt const& json, std::string& out) {
    out = TRY(json.string());
    return {};
}
template <std::integral T>
Result<void> read_value(JsonAt const& json, T& out) {
    if constexpr (std::is_signed_v<T>)
        out = static_cast<T>(TRY(json.integer(std::numeric_limits<T>::min(), std::numeric_limits<T>::max())));
    else
        out = static_cast<T>(TRY(json.unsigned_integer(std::numeric_limits<T>::max())));
    return {};
}
template <HasFields T>
Result<void> read_value(JsonAt const& json, T& out);
template <class T>
Result<void> read_value(JsonAt const& json, std::optional<T>& out);
template <class T>
Result<void> read_value(JsonAt const& json, std::vector<T>& out);
template <class T>
Result<void> read_value(JsonAt const& json, std::map<std::string, T>& out);

template <HasFields T>
Result<void> read_value(JsonAt const& json, T& out) {
    TRY(json.expect(JsonType::kObject));
    for (Field<T> const& row : FieldsOf<T>::rows) {
        Json const* const member = json.json().find(row.name);
        if (member == nullptr) {
            if (row.presence == kOptional) continue;
            return fail(JsonAt(json, row.name, Json()).error("required field is missing"));
        }
        JsonAt const at(json, row.name, *member);
        if (row.effect == Effect::kRefused && !member->is_empty())
            return fail(at.error("is not supported: " + std::string(row.note), Errc::kUnsupported));
        TRY(row.read(at, out));
    }
    return {};
}
template <class T>
Result<void> read_value(JsonAt const& json, std::optional<T>& out) {
    return read_value(json, out.emplace());
}
template <class T>
Result<void> read_value(JsonAt const& json, std::vector<T>& out) {
    TRY(json.expect(JsonType::kArray));
    auto const& items = json.json().items();
    out.clear();
    out.reserve(items.size());
    for (size_t i = 0; i < items.size(); ++i) TRY(read_value(JsonAt(json, i, items[i]), out.emplace_back()));
    return {};
}
template <class T>
Result<void> read_value(JsonAt const& json, std::map<std::string, T>& out) {
    TRY(json.expect(JsonType::kObject));
    out.clear();
    auto const& names = json.json().names();
    auto const& items = json.json().items();
    for (size_t i = 0; i < names.size(); ++i)  // the last of one name wins
        TRY(read_value(JsonAt(json, names[i], items[i]), out[names[i]]));
    return {};
}

inline void write_value(JsonWriter& writer, bool value) {
    writer.boolean(value);
}
inline void write_value(JsonWriter& writer, std::string const& value) {
    writer.string(value);
}
template <std::integral T>
void write_value(JsonWriter& writer, T value) {
    if constexpr (std::is_signed_v<T>)
        writer.integer(value);
    else
        writer.unsigned_integer(value);
}
template <HasFields T>
void write_value(JsonWriter& writer, T const& value);
template <class T>
void write_value(JsonWriter& writer, std::optional<T> const& value);
template <class T>
void write_value(JsonWriter& writer, std::vector<T> const& value);
template <class T>
void write_value(JsonWriter& writer, std::map<std::string, T> const& value);

template <HasFields T>
void write_value(JsonWriter& writer, T const& value) {
    writer.begin_object();
    for (Field<T> const& row : FieldsOf<T>::rows) row.write(writer, row.name, value, row.presence);
    writer.end_object();
}
template <class T>
void write_value(JsonWriter& writer, std::optional<T> const& value) {
    if (value)
        write_value(writer, *value);
    else
        writer.null();
}
template <class T>
void write_value(JsonWriter& writer, std::vector<T> const& value) {
    writer.begin_array();
    for (T const& item : value) write_value(writer, item);
    writer.end_array();
}
template <class T>
void write_value(JsonWriter& writer, std::map<std::string, T> const& value) {
    writer.begin_object();
    for (auto const& [name, item] : value) {
        writer.key(name);
        write_value(writer, item);
    }
    writer.end_object();
}

// ---- What a table needs to know about a member's type. ----

template <class T>
struct FieldType {
    static constexpr std::string_view name = HasFields<T>              ? "object"
                                             : std::is_same_v<T, bool> ? "boolean"
                                             : std::is_integral_v<T>   ? "integer"
                                                                       : "string";
    using Innermost = T;
    static constexpr std::string_view suffix = "";
    static bool is_default(T const& value) {
        if constexpr (std::is_integral_v<T>) return value == T{};
        if constexpr (requires { value.empty(); }) return value.empty();
        return false;
    }
};
template <class T>
struct FieldType<std::optional<T>> {
    static constexpr std::string_view name = FieldType<T>::name;
    using Innermost = typename FieldType<T>::Innermost;
    static constexpr std::string_view suffix = FieldType<T>::suffix;
    static bool is_default(std::optional<T> const& value) { return !value.has_value(); }
};
template <class T>
struct FieldType<std::vector<T>> {
    static constexpr std::string_view name = HasFields<T>            ? "object[]"
                                             : std::is_integral_v<T> ? "integer[]"
                                                                     : "string[]";
    using Innermost = typename FieldType<T>::Innermost;
    static constexpr std::string_view suffix = "[]";
    static bool is_default(std::vector<T> const& value) { return value.empty(); }
};
template <class T>
struct FieldType<std::map<std::string, T>> {
    static constexpr std::string_view name = "map";
    using Innermost = typename FieldType<T>::Innermost;
    static constexpr std::string_view suffix = "{}";
    static bool is_default(std::map<std::string, T> const& value) { return value.empty(); }
};

// Visits the rows of `Object` and, below each, those of the objects it holds.
template <HasFields Object>
void visit_fields(std::string const& path, FieldVisitor& visitor) {
    for (Field<Object> const& row : FieldsOf<Object>::rows) {
        std::string const at = path + (path.empty() ? "" : ".") + std::string(row.name);
        visitor.field(at, row.type, row.effect, row.presence, row.note);
        if (row.visit_below != nullptr) row.visit_below(at, visitor);
    }
}

template <class T>
void visit_value(std::string const& path, FieldVisitor& visitor) {
    using Inner = typename FieldType<T>::Innermost;
    visit_fields<Inner>(path + std::string(FieldType<T>::suffix), visitor);
}

template <auto member>
struct MemberOf;
template <class ObjectType, class ValueType, ValueType ObjectType::*member>
struct MemberOf<member> {
    using Object = ObjectType;
    using Value = ValueType;

    static Result<void> read(JsonAt const& json, Object& out) { return read_value(json, out.*member); }
    static void write(JsonWriter& writer, std::string_view name, Object const& object, Presence presence) {
        if (presence == kOptional && FieldType<Value>::is_default(object.*member)) return;
        writer.key(name);
        write_value(writer, object.*member);
    }
    static constexpr auto visit_below() -> void (*)(std::string const&, FieldVisitor&) {
        if constexpr (HasFields<typename FieldType<Value>::Innermost>)
            return visit_value<Value>;
        else
            return nullptr;
    }
};

// One row. `note` is required for kIgnored and kRefused.
template <auto member>
constexpr auto field(std::string_view name, Effect effect = Effect::kGuest, Presence presence = kOptional,
                     std::string_view note = {}) {
    using Member = MemberOf<member>;
    return Field<typename Member::Object>{name,
                                          effect,
                                          presence,
                                          note,
                                          Member::read,
                                          Member::write,
                                          FieldType<typename Member::Value>::name,
                                          Member::visit_below()};
}

// The row of a member that has no place in the struct: kIgnored or kRefused, with the reason.
template <class Object>
constexpr Field<Object> field_without_member(std::string_view name, std::string_view type, Effect effect,
                                             std::string_view note) {
    return {name,
            effect,
            kOptional,
            note,
            [](JsonAt const&, Object&) -> Result<void> { return {}; },
            [](JsonWriter&, std::string_view, Object const&, Presence) {},
            type,
            nullptr};
}

// Reads the whole of `json` as a T; unknown members are accepted silently (runtime-spec
// config.md#extensibility).
template <HasFields T>
Result<T> read_object(JsonAt const& json) {
    T out{};
    TRY(read_value(json, out));
    return out;
}
template <HasFields T>
Result<T> read_object(std::string_view path, Json const& json) {
    return read_object<T>(JsonAt(json, path));
}

}  // namespace krun
