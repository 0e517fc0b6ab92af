// SPDX-License-Identifier: Apache-2.0
// The JSON documents of an image, as far as they matter here: image-spec image-index.md, manifest.md,
// config.md and descriptor.md, and manifest.json of docker archives.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/field.h"

namespace krun::image {

// Of one document; the specification's own limit is the same (manifest.md#image-manifest).
inline constexpr size_t kMaxDocumentBytes = size_t{4} * 1024 * 1024;
// As many as an overlay of the kernel's can have, and docker allows.
inline constexpr size_t kMaxLayers = 127;

struct Platform {
    std::string architecture;
    std::string os;
};

struct Descriptor {
    std::string media_type;
    std::string digest;
    uint64_t size = 0;  // bytes
    std::map<std::string, std::string> annotations;
    std::optional<Platform> platform;  // of manifests
};

struct Index {
    std::vector<Descriptor> manifests;
};

struct Manifest {
    std::string media_type;
    Descriptor config;
    std::vector<Descriptor> layers;
};

struct Nothing {};  // {}: the value of a set's member

// config.md#properties, "config": what a container made of the image should be.
struct ImageDefaults {
    std::string user;
    std::map<std::string, Nothing> exposed_ports;
    std::vector<std::string> env;
    std::vector<std::string> entrypoint;
    std::vector<std::string> cmd;
    std::string working_dir;
    std::map<std::string, std::string> labels;
    std::string stop_signal;
};

struct RootfsLayers {
    std::string type;
    std::vector<std::string> diff_ids;  // digests of the layers, decompressed
};

struct ImageConfig {
    std::string created;
    std::string author;
    std::string architecture;
    std::string os;
    std::string os_version;
    std::string variant;
    ImageDefaults config;
    RootfsLayers rootfs;
};

// One element of a docker archive's manifest.json.
struct DockerImage {
    std::string config;
    std::vector<std::string> repo_tags;
    std::vector<std::string> layers;
};

// What to do with a media type; kUnknown for those that no image has.
enum class MediaType : uint8_t { kUnknown, kIndex, kManifest, kLayer };
MediaType media_type(std::string_view name);

// Errors name the JSON path.
Result<Index> parse_index(std::string_view text);
Result<Manifest> parse_manifest(std::string_view text);
Result<ImageConfig> parse_image_config(std::string_view text);
Result<std::vector<DockerImage>> parse_docker_manifest(std::string_view text);

}  // namespace krun::image

namespace krun {

template <>
struct FieldsOf<image::Platform> {
    static constexpr Field<image::Platform> rows[] = {
        field<&image::Platform::architecture>("architecture"),
        field<&image::Platform::os>("os"),
    };
};
template <>
struct FieldsOf<image::Descriptor> {
    static constexpr Field<image::Descriptor> rows[] = {
        field<&image::Descriptor::media_type>("mediaType", Effect::kHost, kRequired),
        field<&image::Descriptor::digest>("digest", Effect::kHost, kRequired),
        field<&image::Descriptor::size>("size", Effect::kHost, kRequired),
        field<&image::Descriptor::annotations>("annotations"),
        field<&image::Descriptor::platform>("platform"),
    };
};
template <>
struct FieldsOf<image::Index> {
    static constexpr Field<image::Index> rows[] = {
        field<&image::Index::manifests>("manifests", Effect::kHost, kRequired),
    };
};
template <>
struct FieldsOf<image::Manifest> {
    static constexpr Field<image::Manifest> rows[] = {
        field<&image::Manifest::media_type>("mediaType"),
        field<&image::Manifest::config>("config", Effect::kHost, kRequired),
        field<&image::Manifest::layers>("layers", Effect::kHost, kRequired),
    };
};
template <>
struct FieldsOf<image::Nothing> {
    static constexpr std::array<Field<image::Nothing>, 0> rows{};
};
template <>
struct FieldsOf<image::ImageDefaults> {
    static constexpr Field<image::ImageDefaults> rows[] = {
        field<&image::ImageDefaults::user>("User"),
        field<&image::ImageDefaults::exposed_ports>("ExposedPorts"),
        field<&image::ImageDefaults::env>("Env"),
        field<&image::ImageDefaults::entrypoint>("Entrypoint"),
        field<&image::ImageDefaults::cmd>("Cmd"),
        field<&image::ImageDefaults::working_dir>("WorkingDir"),
        field<&image::ImageDefaults::labels>("Labels"),
        field<&image::ImageDefaults::stop_signal>("StopSignal"),
    };
};
template <>
struct FieldsOf<image::RootfsLayers> {
    static constexpr Field<image::RootfsLayers> rows[] = {
        field<&image::RootfsLayers::type>("type", Effect::kHost, kRequired),
        field<&image::RootfsLayers::diff_ids>("diff_ids"),
    };
};
template <>
struct FieldsOf<image::ImageConfig> {
    static constexpr Field<image::ImageConfig> rows[] = {
        field<&image::ImageConfig::created>("created"),
        field<&image::ImageConfig::author>("author"),
        field<&image::ImageConfig::architecture>("architecture", Effect::kHost, kRequired),
        field<&image::ImageConfig::os>("os", Effect::kHost, kRequired),
        field<&image::ImageConfig::os_version>("os.version"),
        field<&image::ImageConfig::variant>("variant"),
        field<&image::ImageConfig::config>("config"),
        field<&image::ImageConfig::rootfs>("rootfs", Effect::kHost, kRequired),
    };
};
template <>
struct FieldsOf<image::DockerImage> {
    static constexpr Field<image::DockerImage> rows[] = {
        field<&image::DockerImage::config>("Config", Effect::kHost, kRequired),
        field<&image::DockerImage::repo_tags>("RepoTags"),
        field<&image::DockerImage::layers>("Layers", Effect::kHost, kRequired),
    };
};

}  // namespace krun
