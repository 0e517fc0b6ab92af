// SPDX-License-Identifier: Apache-2.0
// The JSON documents of an image. Each is refused with one readable line, or keeps to the bounds that its
// readers rely on; a configuration gives a config.json that the runtime accepts, or one line.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/strings.h"
#include "config-gen/image/bundle_spec.h"
#include "config-gen/image/manifest.h"
#include "oci/default_spec.h"
#include "oci/load.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace krun;
using namespace krun::image;

void check(Error const& error) {
    auto const message = error.message();
    KRUN_CHECK(!message.empty() && message.size() < 4000, "an error is a readable line");
    KRUN_CHECK(printable(message) == message, "an error holds no control byte of the document");
}

void try_config(std::string_view text) {
    auto const config = parse_image_config(text);
    if (!config.ok()) return check(config.error());
    static test::TempDir const rootfs;
    Warnings warnings;
    auto const spec = bundle_spec(config.value(), {}, rootfs.fd(), warnings);
    if (!spec.ok()) return check(spec.error());
    KRUN_CHECK(oci::parse_spec(oci::write_spec(spec.value())).ok(), "the runtime accepts what is written");
    for (auto const& [key, value] : spec.value().annotations)
        KRUN_CHECK(!key.starts_with("krun.") && !key.starts_with("krun-oci."),
                   "an image configures no runtime");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    if (size == 0) return 0;
    std::string_view const text(reinterpret_cast<char const*>(data) + 1,
                                size - 1);  // char may alias anything
    switch (data[0]) {
        case 'i':
            if (auto const index = parse_index(text); !index.ok()) check(index.error());
            break;
        case 'm':
            if (auto const manifest = parse_manifest(text); !manifest.ok())
                check(manifest.error());
            else
                KRUN_CHECK(manifest.value().layers.size() <= kMaxLayers, "layers are bounded");
            break;
        case 'd':
            if (auto const images = parse_docker_manifest(text); !images.ok()) check(images.error());
            break;
        default:
            try_config(text);
    }
    return 0;
}
