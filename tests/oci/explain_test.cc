// SPDX-License-Identifier: Apache-2.0
#include "oci/explain.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "oci/effect_name.h"
#include "oci/fields.h"

namespace krun::oci {
namespace {

std::vector<std::string> explained(std::string_view text) {
    std::vector<std::string> out;
    for (auto const& [path, effect, why] : explain(Json::parse(text, 1 << 20).value()))
        out.push_back(path + ": " + effect + (why.empty() ? "" : ", " + why));
    return out;
}
using List = std::vector<std::string>;

TEST(Explain, EachMemberIsNamedAsErrorsNameIt) {
    EXPECT_EQ(
        explained(
            R"({"process":{"args":["sh"],"rlimits":[{"type":"RLIMIT_CORE","soft":0}]},"hostname":"box"})"),
        (List{"process.args: guest", "process.rlimits[0].type: guest", "process.rlimits[0].soft: guest",
              "hostname: host and guest"}));
}

TEST(Explain, WhatIsIgnoredOrRefusedHasItsReason) {
    auto const lines =
        explained(R"({"linux":{"resources":{"memory":{"kernel":5}},"intelRdt":{"closID":"x"}}})");
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].substr(0, 48), "linux.resources.memory.kernel: ignored, cgroup v");
    EXPECT_EQ(lines[1].substr(0, 24), "linux.intelRdt: refused,");
}

TEST(Explain, EmptyMemberOfWhatWouldBeRefusedIsIgnored) {
    EXPECT_EQ(explained(R"({"linux":{"intelRdt":{}}})"), List{"linux.intelRdt: ignored, it is empty"});
}

TEST(Explain, WhatNoSpecificationKnowsIsIgnored) {
    EXPECT_EQ(explained(R"({"process":{"colour":"red"},"more":[1]})"),
              (List{"process.colour: ignored, no field of the specification",
                    "more: ignored, no field of the specification"}));
}

TEST(Explain, AnnotationsAreOursOrKept) {
    auto const lines = explained(R"({"annotations":{"krun.cpus":"2","io.kubernetes.pod":"x"}})");
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].substr(0, 29), "annotations.krun.cpus: host, ");
    EXPECT_EQ(lines[1], "annotations.io.kubernetes.pod: ignored, kept with the container's state");
}

TEST(Explain, WrongTypesAreNoReasonToStop) {
    EXPECT_EQ(explained(R"({"process":[1],"mounts":{"a":1},"linux":null})").size(), 3U);
}

// The rows are the oracle: whatever reading refuses is said to be refused.
TEST(Explain, SaysOfEachRefusedFieldThatItIs) {
    struct Refused : FieldVisitor {
        List paths;
        void field(std::string const& path, std::string_view, Effect effect, Presence,
                   std::string_view) override {
            if (effect == Effect::kRefused && path.find_first_of("[{") == path.npos) paths.push_back(path);
        }
    } refused;
    visit_fields<Spec>("", refused);
    ASSERT_FALSE(refused.paths.empty());
    for (auto const& path : refused.paths) {
        std::string text = "1";
        auto const parts = split(path, '.');
        for (auto part = parts.rbegin(); part != parts.rend(); ++part)
            text = "{\"" + std::string(*part) + "\":" + text + "}";
        EXPECT_EQ(explained(text).at(0).substr(0, path.size() + 9), path + ": refused");
    }
}

}  // namespace
}  // namespace krun::oci
