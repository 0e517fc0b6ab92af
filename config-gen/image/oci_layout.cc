// SPDX-License-Identifier: Apache-2.0
// image-spec image-layout.md: index.json leads to a manifest, that to a configuration and to layers, all by
// digest.
#include <algorithm>

#include "base/strings.h"
#include "config-gen/image/image.h"

namespace krun::image {
namespace {

// An index in an index in …: real ones have one below index.json.
constexpr int kMaxIndexDepth = 4;
// The second is of docker, which puts the tag alone in the first.
constexpr char const* kNameAnnotations[] = {"org.opencontainers.image.ref.name", "io.containerd.image.name"};

Error invalid(std::string text, Where where = Where::current()) {
    return Error(Errc::kInvalidConfig, std::move(text), 0, where);
}

std::string blob_file(Digest const& digest) {
    return "blobs/" + digest.algorithm() + "/" + digest.hex();
}

Result<Promise> promise_of(Descriptor const& descriptor) {
    auto digest = TRY(Digest::parse(descriptor.digest));
    return Promise{std::move(digest), descriptor.size};
}

// A document that a descriptor leads to.
Result<std::string> read_document(ImageFiles& files, Descriptor const& descriptor) {
    auto const promise = TRY(promise_of(descriptor));
    auto const file = TRY(files.open(blob_file(promise.digest)));
    auto text = TRY_WITH(read_all(*file, kMaxDocumentBytes), promise.digest.text());
    TRY(verify(text, promise));
    return text;
}

bool is_called(Descriptor const& descriptor, std::string const& name) {
    return std::any_of(std::begin(kNameAnnotations), std::end(kNameAnnotations), [&](char const* key) {
        auto const found = descriptor.annotations.find(key);
        return found != descriptor.annotations.end() && found->second == name;
    });
}

// Without a platform it is seen from the configuration whether the image is for this one.
bool may_run_here(Descriptor const& descriptor) {
    auto const& platform = descriptor.platform;
    return !platform || (platform->os == "linux" && platform->architecture == "amd64");
}

std::string names_of(std::vector<Descriptor> const& manifests) {
    std::vector<std::string> names;
    for (auto const& one : manifests)
        if (auto const found = one.annotations.find(kNameAnnotations[0]);
            found != one.annotations.end() && names.size() < 8)
            names.push_back(quoted(found->second));
    return names.empty() ? "none has a name" : "names: " + join(names, ", ");
}

Result<Descriptor> choose(std::vector<Descriptor> const& all, std::string const& name) {
    std::vector<Descriptor> fitting;
    for (auto const& one : all)
        if (media_type(one.media_type) != MediaType::kUnknown && may_run_here(one) &&
            (name.empty() || is_called(one, name)))
            fitting.push_back(one);
    if (fitting.size() == 1) return fitting.front();
    std::string const wanted = name.empty() ? "image" : "image called " + quoted(name);
    if (fitting.empty())
        return fail(Error(Errc::kNotFound, "no " + wanted + " for linux/amd64; " + names_of(all)));
    return fail(invalid("more than one " + wanted + ", choose with --ref; " + names_of(fitting)));
}

Result<Manifest> find_manifest(ImageFiles& files, std::string const& name) {
    auto const file = TRY(files.open("index.json"));
    auto text = TRY_WITH(read_all(*file, kMaxDocumentBytes), "index.json");
    std::string at = "index.json";
    std::string wanted = name;  // of the outermost index's members
    for (int depth = 0; depth < kMaxIndexDepth; ++depth) {
        auto const index = TRY_WITH(parse_index(text), at);
        auto const chosen = TRY_WITH(choose(index.manifests, wanted), at);
        text = TRY(read_document(files, chosen));
        at = chosen.digest;
        wanted.clear();
        if (media_type(chosen.media_type) == MediaType::kManifest) return TRY_WITH(parse_manifest(text), at);
        if (media_type(chosen.media_type) != MediaType::kIndex) break;
    }
    return fail(invalid(at + ": leads to no manifest"));
}

}  // namespace

Result<Image> find_oci_image(ImageFiles& files, std::string const& name) {
    auto const manifest = TRY(find_manifest(files, name));
    auto const text = TRY(read_document(files, manifest.config));
    Image image;
    image.config = TRY_WITH(parse_image_config(text), manifest.config.digest);
    auto const& diff_ids = image.config->rootfs.diff_ids;
    if (diff_ids.size() != manifest.layers.size())
        return fail(invalid(manifest.config.digest + ": rootfs.diff_ids: as many as layers are needed"));
    for (size_t i = 0; i < diff_ids.size(); ++i) {
        auto promise = TRY(promise_of(manifest.layers[i]));
        auto diff_id = TRY_WITH(Digest::parse(diff_ids[i]), "rootfs.diff_ids");
        auto file = blob_file(promise.digest);
        image.layers.push_back({std::move(file), std::move(promise), std::move(diff_id)});
    }
    return image;
}

}  // namespace krun::image
