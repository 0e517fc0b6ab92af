// SPDX-License-Identifier: Apache-2.0
// Each member that has an effect, with a value of each wrong JSON type: an error that names it.
#include <gtest/gtest.h>

#include "base/strings.h"
#include "oci/fields.h"
#include "oci/load.h"

namespace krun::oci {
namespace {

struct Row {
    std::string path;
    std::string type;
    bool required = false;
    bool read = false;
};

class Rows : public FieldVisitor {
public:
    Rows() { visit_fields<Spec>("", *this); }
    void field(std::string const& path, std::string_view type, Effect effect, Presence presence,
               std::string_view) override {
        list.push_back({path, std::string(type), presence == kRequired,
                        effect != Effect::kRefused && effect != Effect::kIgnored});
    }
    std::vector<Row> list;
};

// A right value: "integer" -> 0, "string[]" -> [], an object with what it requires.
std::string value_of(Rows const& rows, Row const& of) {
    auto const& type = of.type;
    if (type.ends_with("[]")) return "[]";
    if (type == "map") return "{}";
    if (type == "object") {
        std::string members;
        for (auto const& row : rows.list)
            if (row.required && row.path.starts_with(of.path + ".") &&
                row.path.find('.', of.path.size() + 1) == std::string::npos)
                members += (members.empty() ? "\"" : ",\"") + row.path.substr(of.path.size() + 1) +
                           "\":" + value_of(rows, row);
        return "{" + members + "}";
    }
    if (type == "integer") return "0";
    return type == "boolean" ? "false" : "\"\"";
}

struct Wrong {
    char kind;
    char const* value;
};
constexpr Wrong kValues[] = {
    {'b', "true"}, {'n', "-0.5"}, {'s', "\"text\""}, {'a', "[[]]"}, {'o', "{\"k\":[]}"}};

char kind_of(std::string const& type) {
    if (type.ends_with("[]")) return 'a';
    if (type == "object" || type == "map") return 'o';
    if (type == "integer") return 'i';  // which a fraction is not
    return type == "boolean" ? 'b' : 's';
}

std::string strip(std::string name) {
    return name.ends_with("[]") || name.ends_with("{}") ? name.substr(0, name.size() - 2) : name;
}

// The object at `prefix` ("" or ending in "."), with its required members and the one that leads to `target`.
std::string object_with(Rows const& rows, std::string const& prefix, std::string const& target,
                        std::string const& value) {
    auto const rest = target.substr(prefix.size());
    auto const name = rest.substr(0, rest.find('.'));
    std::string text = "{";
    for (auto const& row : rows.list) {
        if (!row.required || !row.path.starts_with(prefix)) continue;
        auto const member = row.path.substr(prefix.size());
        if (member.find('.') == std::string::npos && member != strip(name))
            text += "\"" + member + "\":" + value_of(rows, row) + ",";
    }
    std::string inner = name == rest ? value : object_with(rows, prefix + name + ".", target, value);
    if (name != rest && name.ends_with("[]")) inner = "[" + inner + "]";
    if (name != rest && name.ends_with("{}")) inner = "{\"k\":" + inner + "}";
    return text + "\"" + strip(name) + "\":" + inner + "}";
}

// "a.b[].c" as an error writes it: "a.b[0].c", and "a.b.k.c" for a map.
std::string place(std::string path) {
    for (size_t at = path.find("[]"); at != std::string::npos; at = path.find("[]", at))
        path.insert(at + 1, "0");
    for (size_t at = path.find("{}"); at != std::string::npos; at = path.find("{}", at))
        path.replace(at, 2, ".k");
    return path;
}

TEST(WrongType, OfAnyMemberIsAnErrorThatNamesIt) {
    Rows const rows;
    int tried = 0;
    for (auto const& row : rows.list) {
        if (!row.read) continue;
        for (auto const& [kind, value] : kValues) {
            if (kind == kind_of(row.type)) continue;
            auto const spec = parse_spec(object_with(rows, "", row.path, value));
            ASSERT_FALSE(spec.ok()) << row.path << " = " << value;
            EXPECT_EQ(spec.error().message().substr(0, place(row.path).size()), place(row.path));
            ++tried;
        }
    }
    EXPECT_GT(tried, 500);
}

}  // namespace
}  // namespace krun::oci
