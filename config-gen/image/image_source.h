// SPDX-License-Identifier: Apache-2.0
// What the caller named as an image: found out from its content, and opened.
#pragma once
#include <memory>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/image/budget.h"
#include "config-gen/image/image.h"
#include "config-gen/image/image_files.h"
#include "config-gen/image/progress.h"

namespace krun::image {

struct OpenedImage {
    std::unique_ptr<ImageFiles> files;
    Image image;
};

// `path` is an OCI layout's directory, or a file: a tar of such a directory, a docker archive, or a tar of a
// root file system; each may be compressed. `name` chooses among several images. A compressed archive of an
// image is first decompressed into a file without a name in `scratch`, out of `budget`.
Result<OpenedImage> open_image(std::string const& path, std::string const& name, BorrowedFd scratch,
                               Budget& budget, Progress& progress);

}  // namespace krun::image
