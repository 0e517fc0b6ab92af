// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/unit_properties.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "oci/load.h"

namespace krun::runtime {
namespace {

using List = std::vector<std::string>;

// Each property as "name type value".
List texts(UnitProperties const& properties) {
    List out;
    for (auto const& [name, type, value] : properties) out.push_back(name + " " + type + " " + value);
    return out;
}

List limits(std::string_view resources) {
    return texts(scope_limits(oci::parse_resources(resources).value()));
}

// Of the annotation org.systemd.property.NAME, the property or the error.
std::string annotated(std::string const& name, std::string const& value) {
    auto const properties = scope_annotations({{"org.systemd.property." + name, value}, {"other", "x"}});
    return properties.ok() ? texts(properties.value()).at(0) : properties.error().message();
}

TEST(UnitProperties, LimitsAreThoseOfTheCgroup) {
    EXPECT_EQ(limits(R"({"memory":{"limit":536870912,"reservation":1048576,"swap":1073741824}})"),
              (List{"MemoryMax t 603979776", "MemoryLow t 1048576", "MemorySwapMax t 536870912"}));
    EXPECT_EQ(limits(R"({"memory":{"limit":-1},"cpu":{"shares":1024}})"),
              (List{"MemoryMax t 18446744073709551615", "CPUWeight t 39"}));
    EXPECT_EQ(limits(R"({"pids":{"limit":5},"blockIO":{"weight":100}})"), List{});
}

TEST(UnitProperties, QuotaIsForASecondAndRoundedUpToAPercent) {
    EXPECT_EQ(limits(R"({"cpu":{"quota":50000,"period":100000}})"),
              (List{"CPUQuotaPeriodUSec t 100000", "CPUQuotaPerSecUSec t 500000"}));
    EXPECT_EQ(limits(R"({"cpu":{"quota":1001,"period":100000}})"),
              (List{"CPUQuotaPeriodUSec t 100000", "CPUQuotaPerSecUSec t 20000"}));
    EXPECT_EQ(limits(R"({"cpu":{"quota":-1}})"), List{"CPUQuotaPerSecUSec t 18446744073709551615"});
}

TEST(UnitProperties, CpuListsAreBitMasks) {
    EXPECT_EQ(limits(R"({"cpu":{"cpus":"0-1,8,11"}})"), List{"AllowedCPUs ay 3 9"});
    EXPECT_EQ(limits(R"({"cpu":{"cpus":"0","mems":"1"}})"),
              (List{"AllowedCPUs ay 1", "AllowedMemoryNodes ay 2"}));
    EXPECT_EQ(limits(R"({"cpu":{"cpus":"5-2,999999999"}})"), List{"AllowedCPUs ay "});
}

TEST(UnitProperties, AnnotationsAreGVariantTexts) {
    EXPECT_EQ(annotated("CollectMode", "'inactive'"), "CollectMode s inactive");
    EXPECT_EQ(annotated("Description", "\"a b\""), "Description s a b");
    EXPECT_EQ(annotated("SendSIGHUP", " true "), "SendSIGHUP b true");
    EXPECT_EQ(annotated("After", "['a.service', 'b.service']"), "After as a.service\nb.service");
    EXPECT_EQ(annotated("After", "[]"), "After as ");
    EXPECT_EQ(annotated("KillSignal", "15"), "KillSignal i 15");
    EXPECT_EQ(annotated("Number", "-5"), "Number i -5");
    EXPECT_EQ(annotated("Number", "uint32 4294967295"), "Number u 4294967295");
    EXPECT_EQ(annotated("Number", "int64 -5"), "Number x -5");
    EXPECT_EQ(annotated("MemoryHigh", "uint64 18446744073709551615"), "MemoryHigh t 18446744073709551615");
}

TEST(UnitProperties, SecondsBecomeMicroseconds) {
    EXPECT_EQ(annotated("TimeoutStopSec", "uint64 7"), "TimeoutStopUSec t 7000000");
    EXPECT_EQ(annotated("TimeoutStopSec", "7"), "TimeoutStopUSec t 7000000");
    EXPECT_EQ(annotated("TimeoutStopUSec", "uint64 7"), "TimeoutStopUSec t 7");
    EXPECT_EQ(
        annotated("TimeoutStopSec", "'7'"),
        "annotations[\"org.systemd.property.TimeoutStopSec\"]: must be a number of seconds, is \"'7'\"");
    EXPECT_NE(annotated("TimeoutStopSec", "uint64 18446744073709551615").find("a number of seconds"),
              List::value_type::npos);
}

TEST(UnitProperties, BadAnnotationsNameTheirKey) {
    std::string const kMustBe =
        "annotations[\"org.systemd.property.Description\"]: must be a text in quotes, a list of them, true, "
        "false or "
        "a number with its type, is ";
    for (std::string const bad : {"", "text", "'a", "'a\"", "'a'b'", "['a'", "[a]", "uint32 -1",
                                  "uint32 4294967296", "int32 2147483648", "byte 1", "1.5", "uint64"})
        EXPECT_EQ(annotated("Description", bad), kMustBe + krun::quoted(bad));
    EXPECT_EQ(
        annotated("a/b", "1"),
        "annotations[\"org.systemd.property.a/b\"]: must be of a property, a name of letters, is \"1\"");
}

}  // namespace
}  // namespace krun::runtime
