// SPDX-License-Identifier: Apache-2.0
// config.json from an image's configuration (image-spec conversion.md), on top of what `krun-oci spec`
// writes. An image decides what its program is and as whom it runs; it configures no runtime and nothing of
// the host.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/image/manifest.h"
#include "config-gen/image/warnings.h"
#include "oci/spec.h"

namespace krun::image {

struct BundleWishes {
    std::vector<std::string> arguments = {};  // instead of the image's Cmd; behind its Entrypoint
    bool terminal = false;
};

// Users and groups are looked up in /etc/passwd and /etc/group of `rootfs`, whose symbolic links lead nowhere
// else. Without an image, a shell. The result is valid.
Result<oci::Spec> bundle_spec(std::optional<ImageConfig> const& image, BundleWishes const& wishes,
                              BorrowedFd rootfs, Warnings& warnings);

}  // namespace krun::image
