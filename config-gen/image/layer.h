// SPDX-License-Identifier: Apache-2.0
// One layer of an image, applied to what the layers below it left (image-spec layer.md#applying-changesets).
#pragma once
#include "base/error.h"
#include "config-gen/image/budget.h"
#include "config-gen/image/byte_source.h"
#include "config-gen/image/tree_writer.h"

namespace krun::image {

// `tar` is the layer decompressed; it is read to its very end, past what the archive itself needs. After an
// error the tree holds a part of the layer. Errors name the entry.
Result<void> apply_layer(ByteSource& tar, TreeWriter& tree, Budget& budget);

}  // namespace krun::image
