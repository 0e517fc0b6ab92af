// SPDX-License-Identifier: Apache-2.0
#include "oci/explain.h"

#include <map>
#include <optional>
#include <string_view>

#include "oci/annotations.h"
#include "oci/effect_name.h"
#include "oci/fields.h"

namespace krun::oci {
namespace {

constexpr std::string_view kAnnotations = "annotations";
constexpr std::string_view kUnknown = "no field of the specification";

struct Row {
    std::string effect;
    std::string note;
};

// By the path that a row has: "process.rlimits[].type".
class Rows : public FieldVisitor {
public:
    void field(std::string const& path, std::string_view /*type*/, Effect effect, Presence /*presence*/,
               std::string_view note) override {
        rows_[path] = {std::string(effect_name(effect)), std::string(note)};
        if (auto const dot = path.rfind('.'); dot != path.npos) parents_[path.substr(0, dot)] = true;
    }
    Row const* find(std::string const& path) const {
        auto const found = rows_.find(path);
        return found == rows_.end() ? nullptr : &found->second;
    }
    // Whether there are rows of members below it.
    bool has_members(std::string const& path) const { return parents_.contains(path); }

private:
    std::map<std::string, Row> rows_;
    std::map<std::string, bool> parents_;
};

class Walk {
public:
    explicit Walk(Rows const& rows) : rows_(rows) {}

    // `path` is as a person writes it, `row` as the table has it.
    void members(Json const& object, std::string const& path, std::string const& row) {
        for (size_t i = 0; i < object.items().size(); ++i) {
            std::string step = path.empty() ? "" : ".";
            step += object.names()[i];
            value(object.items()[i], path + step, row + step);
        }
    }
    std::vector<Explanation> take() && { return std::move(out_); }

private:
    void value(Json const& json, std::string const& path, std::string const& row) {
        auto const* const known = rows_.find(row);
        bool const refused = known != nullptr && known->effect == effect_name(Effect::kRefused);
        if (known == nullptr || refused) return leaf(path, known, json);
        if (row == kAnnotations && json.type() == JsonType::kObject) return annotations(json);
        if (json.type() == JsonType::kArray && rows_.has_members(row + "[]")) {
            for (size_t i = 0; i < json.items().size(); ++i)
                members(json.items()[i], path + "[" + std::to_string(i) + "]", row + "[]");
            return;
        }
        bool const is_map = rows_.has_members(row + "{}");
        if (json.type() == JsonType::kObject && is_map) {
            for (size_t i = 0; i < json.items().size(); ++i)
                members(json.items()[i], path + "." + json.names()[i], row + "{}");
            return;
        }
        if (json.type() == JsonType::kObject && rows_.has_members(row)) return members(json, path, row);
        leaf(path, known, json);
    }
    void leaf(std::string const& path, Row const* known, Json const& json) {
        if (known == nullptr)
            out_.push_back({path, std::string(effect_name(Effect::kIgnored)), std::string(kUnknown)});
        else if (known->effect == effect_name(Effect::kRefused) && json.is_empty())
            out_.push_back({path, std::string(effect_name(Effect::kIgnored)), "it is empty"});
        else
            out_.push_back({path, known->effect, known->note});
    }
    // Each is somebody's: ours, or only kept.
    void annotations(Json const& map) {
        for (auto const& name : map.names()) {
            Explanation line{std::string(kAnnotations) + "." + name,
                             std::string(effect_name(Effect::kIgnored)), "kept with the container's state"};
            if (auto const* help = find_annotation(name)) {
                line.effect = effect_name(Effect::kHost);
                line.why = help->meaning;
            }
            out_.push_back(std::move(line));
        }
    }

    Rows const& rows_;
    std::vector<Explanation> out_;
};

}  // namespace

std::vector<Explanation> explain(Json const& config) {
    Rows rows;
    visit_fields<Spec>("", rows);
    Walk walk(rows);
    walk.members(config, "", "");
    return std::move(walk).take();
}

}  // namespace krun::oci
