// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/unpack.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/strings.h"
#include "config-gen/image/archive_reader.h"
#include "config-gen/image/image_source.h"
#include "config-gen/image/layer.h"
#include "config-gen/image/staging.h"
#include "config-gen/image/tree_writer.h"
#include "oci/default_spec.h"

namespace krun::image {
namespace {

Result<void> verify_layer(ImageFiles& files, LayerFile const& layer, Progress& progress) {
    if (!layer.promise) return {};
    auto const file = TRY(files.open(layer.file));
    WatchedSource watched(*file, [&](Bytes bytes) { return progress.advance(bytes.size()); });
    return verify(watched, *layer.promise);
}

// The file is read a second time: what verify_layer() saw, or the digest of the content differs, and nothing
// is kept.
Result<void> unpack_layer(ImageFiles& files, LayerFile const& layer, TreeWriter& tree, Budget& budget,
                          Progress& progress) {
    auto const file = TRY(files.open(layer.file));
    auto const plain = TRY(DecompressedSource::open(*file));
    std::optional<Verifier> verifier;
    if (layer.diff_id) verifier.emplace(*layer.diff_id);
    WatchedSource watched(*plain, [&](Bytes bytes) -> Result<void> {
        TRY(progress.advance(bytes.size()));
        TRY(budget.spend_stream(bytes.size()));
        if (verifier) verifier->add(bytes);
        return {};
    });
    TRY(apply_layer(watched, tree, budget));
    return verifier ? verifier->finish() : Result<void>();
}

Result<void> unpack_layers(OpenedImage const& opened, TreeWriter& tree, Budget& budget, Progress& progress) {
    auto const& layers = opened.image.layers;
    for (size_t i = 0; i < layers.size(); ++i) {
        auto const what = "layer " + std::to_string(i + 1) + " of " + std::to_string(layers.size());
        progress.begin("verifying " + what);
        TRY_WITH(verify_layer(*opened.files, layers[i], progress), what);
        progress.begin("unpacking " + what);
        TRY_WITH(unpack_layer(*opened.files, layers[i], tree, budget, progress), what);
    }
    return tree.finish();
}

Result<UniqueFd> make_rootfs(BorrowedFd bundle) {
    if (::mkdirat(bundle.raw(), "rootfs", 0755) < 0) return fail(Error::sys("make rootfs"));
    return open_at(bundle, "rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

Result<void> write_config(BorrowedFd bundle, std::string const& text) {
    auto const file = TRY(open_at(bundle, "config.json", O_WRONLY | O_CREAT | O_EXCL, 0644));
    return write_full(file.borrow(), text);
}

Result<std::string> config_of(OpenedImage const& opened, BundleWishes const& wishes, BorrowedFd rootfs,
                              Warnings& warnings) {
    auto const spec = bundle_spec(opened.image.config, wishes, rootfs, warnings);
    // Not by TRY_WITH: GCC 12 then warns of a destructor that does not run.
    if (!spec.ok()) return fail(Error(spec.error().code(), "config.json: " + spec.error().message()));
    return oci::write_spec(spec.value()) + "\n";
}

Result<void> fill(BorrowedFd bundle, UnpackOptions const& options, Progress& progress, Warnings& warnings) {
    Budget budget(options.max_bytes);
    progress.begin("looking at the image");
    auto const opened =
        TRY_WITH(open_image(options.image, options.name, bundle, budget, progress), quoted(options.image));
    UniqueFd rootfs = TRY(make_rootfs(bundle));
    TreeWriter tree(std::move(rootfs), own_privilege(), warnings);
    TRY_WITH(unpack_layers(opened, tree, budget, progress), quoted(options.image));
    auto const config = TRY(config_of(opened, options.wishes, tree.root(), warnings));
    return write_config(bundle, config);
}

}  // namespace

Result<Warnings> unpack(UnpackOptions const& options, Progress& progress) {
    auto staging = TRY_WITH(Staging::make(options.bundle), "bundle " + quoted(options.bundle));
    Warnings warnings;
    TRY(fill(staging.directory(), options, progress, warnings));
    TRY_WITH(staging.publish(), "bundle " + quoted(options.bundle));
    return warnings;
}

}  // namespace krun::image
