// SPDX-License-Identifier: Apache-2.0
// One image, found and checked: its configuration and where its layers are.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config-gen/image/digest.h"
#include "config-gen/image/image_files.h"
#include "config-gen/image/manifest.h"

namespace krun::image {

// What a descriptor promises of a file.
struct Promise {
    Digest digest;
    uint64_t size_bytes = 0;
};

struct LayerFile {
    std::string file;                // of the image's files
    std::optional<Promise> promise;  // none in a docker archive
    std::optional<Digest> diff_id;   // of the layer decompressed; none of a plain root file system
};

struct Image {
    std::optional<ImageConfig> config;  // none of a plain root file system
    std::vector<LayerFile> layers;      // the lowest first
};

// Each chooses the image for linux/amd64 called `name`, or the only one if that is empty. Documents are
// compared with their digests before they are parsed; layers are not touched.

// image-spec image-layout.md. A name is the annotation org.opencontainers.image.ref.name.
Result<Image> find_oci_image(ImageFiles& files, std::string const& name);
// What `docker save` and `podman save` write. A name is a repository with its tag.
Result<Image> find_docker_image(ImageFiles& files, std::string const& name);

// Compares content with what was promised of it. A source is read to its end.
Result<void> verify(ByteSource& source, Promise const& promise);
Result<void> verify(std::string_view text, Promise const& promise);

}  // namespace krun::image
