// SPDX-License-Identifier: Apache-2.0
// What systemd is told about a container's scope (systemd.resource-control(5)).
#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "oci/spec.h"

namespace krun::runtime {

// By the name and with the D-Bus type that systemd gives it, as krun-oci-systemd takes it.
struct UnitProperty {
    std::string name;
    std::string type;   // b, u, i, t, x, s, ay, au or as
    std::string value;  // numbers of a list between spaces, texts of one a line each
};
using UnitProperties = std::vector<UnitProperty>;

inline constexpr char const* kUnlimited = "18446744073709551615";  // as systemd has it

// The limits that systemd keeps as properties of the unit: it writes these files again when it reloads.
// REQUIRES: `resources` is validated.
UnitProperties scope_limits(oci::Resources const& resources);

// Of annotations "org.systemd.property.NAME" with a value in GVariant's text form; "...Sec" with a number of
// seconds is "...USec". kInvalidConfig names the annotation.
Result<UnitProperties> scope_annotations(std::map<std::string, std::string> const& annotations);

}  // namespace krun::runtime
