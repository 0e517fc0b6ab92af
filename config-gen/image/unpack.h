// SPDX-License-Identifier: Apache-2.0
// From an image to a bundle: the layers as rootfs/, and a config.json.
#pragma once
#include <cstdint>
#include <string>

#include "base/error.h"
#include "config-gen/image/budget.h"
#include "config-gen/image/bundle_spec.h"
#include "config-gen/image/progress.h"
#include "config-gen/image/warnings.h"

namespace krun::image {

struct UnpackOptions {
    std::string image;   // see image_source.h
    std::string bundle;  // see staging.h
    std::string name;    // of the image, where there are several
    uint64_t max_bytes = kDefaultMaxBytes;
    BundleWishes wishes;
};

// Blocks until it is done. After an error there is nothing at `bundle` that was not there before, nor beside
// it.
Result<Warnings> unpack(UnpackOptions const& options, Progress& progress);

}  // namespace krun::image
