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
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/field_value.h"

namespace krun {

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
