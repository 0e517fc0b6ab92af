// SPDX-License-Identifier: Apache-2.0
// Any bytes as config.json. Either they are refused with one printable line, or what was read can be written
// and read again without loss.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/strings.h"
#include "oci/default_spec.h"
#include "oci/load.h"

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    std::string_view const text(reinterpret_cast<char const*>(data), size);  // char may alias anything
    auto const spec = krun::oci::parse_spec(text);
    if (!spec.ok()) {
        std::string const message = spec.error().message();
        KRUN_CHECK(!message.empty() && message.size() < 2000, "an error is a readable line");
        KRUN_CHECK(krun::printable(message) == message, "an error holds no control byte of the input");
        return 0;
    }
    std::string const written = krun::oci::write_spec(spec.value());
    auto const again = krun::oci::parse_spec(written);
    KRUN_CHECK(again.ok(), "what was accepted is written in an acceptable form");
    KRUN_CHECK(krun::oci::write_spec(again.value()) == written, "nothing is lost in writing");
    return 0;
}
