// SPDX-License-Identifier: Apache-2.0
// What a row is, and how values of each type are read and written by rows. Include base/field.h, which has
// the functions that make rows.
#pragma once
#include <concepts>
#include <limits>
#include <map>
#include <optional>
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

}  // namespace krun
