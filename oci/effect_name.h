// SPDX-License-Identifier: Apache-2.0
// What people read of an Effect.
#pragma once
#include <string_view>

#include "base/field_value.h"

namespace krun::oci {

constexpr std::string_view effect_name(Effect effect) {
    switch (effect) {
        case Effect::kHost:
            return "host";
        case Effect::kGuest:
            return "guest";
        case Effect::kHostAndGuest:
            return "host and guest";
        case Effect::kIgnored:
            return "ignored";
        case Effect::kRefused:
            return "refused";
    }
    return "";
}

}  // namespace krun::oci
