// SPDX-License-Identifier: Apache-2.0
// The tables as a whole: nothing of the specification is forgotten, nothing is silent about itself.
#include "oci/fields.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "oci/default_spec.h"
#include "oci/features.h"
#include "oci/load.h"
#include "tests/support/golden.h"

namespace krun::oci {
namespace {

struct Row {
    std::string path;
    Effect effect;
    std::string note;
};

class Rows : public FieldVisitor {
public:
    Rows() { visit_fields<Spec>("", *this); }
    void field(std::string const& path, std::string_view, Effect effect, Presence,
               std::string_view note) override {
        list.push_back({path, effect, std::string(note)});
    }
    Row const* find(std::string const& path) const {
        for (auto const& row : list)
            if (row.path == path) return &row;
        return nullptr;
    }
    std::vector<Row> list;
};

std::vector<std::string> schema_properties() {
    std::istringstream text(test::read_source_file("tests/oci/schema_properties.txt"));
    std::vector<std::string> out;
    for (std::string line; std::getline(text, line);)
        if (!line.empty() && line[0] != '#') out.push_back(line);
    return out;
}

bool has_no_effect(Row const& row) {
    return row.effect == Effect::kIgnored || row.effect == Effect::kRefused;
}

// Whether `path` or an object around it has a row; the latter only if that row says it has no effect at all.
bool is_told(Rows const& rows, std::string const& path) {
    if (rows.find(path) != nullptr) return true;
    for (size_t dot = path.rfind('.'); dot != std::string::npos; dot = path.rfind('.', dot - 1)) {
        std::string around = path.substr(0, dot);
        if (around.ends_with("[]") || around.ends_with("{}")) around.resize(around.size() - 2);
        if (Row const* row = rows.find(around)) return has_no_effect(*row);
    }
    return false;
}

TEST(Fields, EveryPropertyOfTheSchemaHasARow) {
    Rows const rows;
    auto const properties = schema_properties();
    ASSERT_GT(properties.size(), 150u);
    for (auto const& property : properties) EXPECT_TRUE(is_told(rows, property)) << property;
}

TEST(Fields, EveryRowIsAPropertyOfTheSchema) {
    auto const properties = schema_properties();
    std::set<std::string> const known(properties.begin(), properties.end());
    for (auto const& row : Rows().list) EXPECT_TRUE(known.contains(row.path)) << row.path;
}

TEST(Fields, WhatHasNoEffectSaysWhy) {
    for (auto const& row : Rows().list) EXPECT_EQ(row.note.empty(), !has_no_effect(row)) << row.path;
}

TEST(Fields, PageInTheDocumentationIsUpToDate) {
    test::expect_golden("docs/oci-fields.md", field_page());
}

TEST(Features, DocumentIsAsExpected) {
    test::expect_golden("tests/golden/oci/features.json", features_json() + "\n");
}

TEST(DefaultSpec, IsAsExpectedAndValid) {
    std::string const text = write_spec(default_spec());
    test::expect_golden("tests/golden/oci/default_spec.json", text + "\n");
    auto const spec = parse_spec(text);
    ASSERT_TRUE(spec.ok()) << spec.error().message();
    EXPECT_EQ(write_spec(spec.value()), text);
}

TEST(DefaultSpec, RootlessOneIsValidAndNeedsNoIdButTheUsersOwn) {
    auto const spec = parse_spec(write_spec(rootless_spec(1000, 100)));
    ASSERT_TRUE(spec.ok()) << spec.error().message();
    EXPECT_NE(spec.value().linux.find_namespace("user"), nullptr);
    EXPECT_EQ(spec.value().linux.find_namespace("network"), nullptr);
    ASSERT_EQ(spec.value().linux.uid_mappings.size(), 1u);
    EXPECT_EQ(spec.value().linux.uid_mappings[0].host_id, 1000u);
    EXPECT_EQ(spec.value().linux.gid_mappings[0].host_id, 100u);
    for (auto const& mount : spec.value().mounts)
        for (auto const& option : mount.options) EXPECT_FALSE(option.starts_with("gid=")) << option;
}

}  // namespace
}  // namespace krun::oci
