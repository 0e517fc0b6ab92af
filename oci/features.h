// SPDX-License-Identifier: Apache-2.0
// What this runtime can do, told from the same tables that decide it (runtime-spec features.md).
#pragma once
#include <string>
#include <string_view>

namespace krun::oci {

// Versions of config.json that are accepted: all of 1.x; the newest whose fields are all known.
inline constexpr std::string_view kOciVersionMin = "1.0.0";
inline constexpr std::string_view kOciVersionMax = "1.3.0";

// The features document, indented, without a newline at its end. Looks at nothing on the host.
std::string features_json();

// docs/oci-fields.md: every field and annotation, and where it takes effect.
std::string field_page();

}  // namespace krun::oci
