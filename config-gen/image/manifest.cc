// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/manifest.h"

#include "base/json.h"
#include "base/strings.h"

namespace krun::image {
namespace {

struct MediaTypeRow {
    std::string_view name;
    MediaType type;
};
// image-spec media-types.md, and what it says is compatible. That a layer is compressed is seen from its
// content.
constexpr MediaTypeRow kMediaTypes[] = {
    {"application/vnd.oci.image.index.v1+json", MediaType::kIndex},
    {"application/vnd.docker.distribution.manifest.list.v2+json", MediaType::kIndex},
    {"application/vnd.oci.image.manifest.v1+json", MediaType::kManifest},
    {"application/vnd.docker.distribution.manifest.v2+json", MediaType::kManifest},
    {"application/vnd.oci.image.layer.v1.tar", MediaType::kLayer},
    {"application/vnd.oci.image.layer.v1.tar+gzip", MediaType::kLayer},
    {"application/vnd.oci.image.layer.v1.tar+zstd", MediaType::kLayer},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar", MediaType::kLayer},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", MediaType::kLayer},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", MediaType::kLayer},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", MediaType::kLayer},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MediaType::kLayer},
};

constexpr char kOs[] = "linux";
constexpr char kArchitecture[] = "amd64";

Result<void> check_layers(size_t layers) {
    if (layers <= kMaxLayers) return {};
    return fail(Error(Errc::kInvalidConfig,
                      std::to_string(layers) + " layers, the limit is " + std::to_string(kMaxLayers)));
}

}  // namespace

MediaType media_type(std::string_view name) {
    for (auto const& row : kMediaTypes)
        if (row.name == name) return row.type;
    return MediaType::kUnknown;
}

Result<Index> parse_index(std::string_view text) {
    auto const json = TRY(Json::parse(text, kMaxDocumentBytes));
    return read_object<Index>("", json);
}

Result<Manifest> parse_manifest(std::string_view text) {
    auto const json = TRY(Json::parse(text, kMaxDocumentBytes));
    auto manifest = TRY(read_object<Manifest>("", json));
    TRY_WITH(check_layers(manifest.layers.size()), "layers");
    for (auto const& layer : manifest.layers)
        if (media_type(layer.media_type) != MediaType::kLayer)
            return fail(Error(Errc::kUnsupported, "layers: of type " + quoted(layer.media_type)));
    return manifest;
}

Result<ImageConfig> parse_image_config(std::string_view text) {
    auto const json = TRY(Json::parse(text, kMaxDocumentBytes));
    auto config = TRY(read_object<ImageConfig>("", json));
    if (config.os != kOs || config.architecture != kArchitecture)
        return fail(Error(
            Errc::kUnsupported,
            "the image is for " + quoted(config.os + "/" + config.architecture) + ", not for linux/amd64"));
    if (config.rootfs.type != "layers")
        return fail(
            Error(Errc::kUnsupported, "rootfs.type: must be layers, is " + quoted(config.rootfs.type)));
    return config;
}

Result<std::vector<DockerImage>> parse_docker_manifest(std::string_view text) {
    auto const json = TRY(Json::parse(text, kMaxDocumentBytes));
    std::vector<DockerImage> images;
    TRY(read_value(JsonAt(json), images));
    for (auto const& image : images) TRY_WITH(check_layers(image.layers.size()), "Layers");
    return images;
}

}  // namespace krun::image
