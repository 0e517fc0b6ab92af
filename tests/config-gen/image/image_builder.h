// SPDX-License-Identifier: Apache-2.0
// Whole images made in a test, in each of the forms that are read. Members may be changed before one is
// written, to make it wrong.
#pragma once
#include <nettle/sha2.h>

#include <map>
#include <string>
#include <vector>

#include "base/json_writer.h"
#include "tests/config-gen/image/tar_builder.h"
#include "tests/support/temp_dir.h"

namespace krun::image::test {

inline std::string sha256_hex(std::string_view text) {
    sha256_ctx state;
    ::sha256_init(&state);
    ::sha256_update(&state, text.size(), reinterpret_cast<uint8_t const*>(text.data()));  // may alias
    uint8_t out[SHA256_DIGEST_SIZE];
    ::sha256_digest(&state, sizeof out, out);
    std::string hex;
    for (uint8_t const b : out) {
        char two[3];
        std::snprintf(two, sizeof two, "%02x", b);
        hex += two;
    }
    return hex;
}
inline std::string sha256(std::string_view text) {
    return "sha256:" + sha256_hex(text);
}

inline std::string json_strings(std::vector<std::string> const& texts) {
    JsonWriter writer;
    writer.begin_array();
    for (auto const& text : texts) writer.string(text);
    writer.end_array();
    return std::move(writer).take();
}

struct ImageBuilder {
    std::vector<std::string> layers;  // tars
    Compression compression = Compression::kNone;
    std::string config = "{}";  // the member of that name
    std::string architecture = "amd64";
    std::string layer_type = "application/vnd.oci.image.layer.v1.tar";
    std::string manifest_annotations = "{}";
    std::vector<std::string> diff_ids;  // those of the layers, if empty
    std::vector<std::string> tags;
    std::map<std::string, std::string> files;  // filled by the functions below

    std::string image_config() const {
        auto ids = diff_ids;
        if (ids.empty())
            for (auto const& layer : layers) ids.push_back(sha256(layer));
        return R"({"architecture":")" + architecture + R"(","os":"linux","config":)" + config +
               R"(,"rootfs":{"type":"layers","diff_ids":)" + json_strings(ids) + "}}";
    }
    std::string add_blob(std::string const& content) {
        files["blobs/sha256/" + sha256_hex(content)] = content;
        return content;
    }
    static std::string descriptor(std::string const& type, std::string const& content,
                                  std::string const& more = "") {
        return R"({"mediaType":")" + type + R"(","digest":")" + sha256(content) + R"(","size":)" +
               std::to_string(content.size()) + more + "}";
    }
    // Its descriptor, for an index.
    std::string add_manifest(std::string const& more = "") {
        std::string list;
        for (auto const& layer : layers)
            list +=
                (list.empty() ? "" : ",") + descriptor(layer_type, add_blob(compressed(layer, compression)));
        auto const manifest =
            R"({"schemaVersion":2,"config":)" +
            descriptor("application/vnd.oci.image.config.v1+json", add_blob(image_config())) +
            R"(,"layers":[)" + list + "]}";
        return descriptor("application/vnd.oci.image.manifest.v1+json", add_blob(manifest),
                          R"(,"annotations":)" + manifest_annotations + more);
    }
    ImageBuilder& make_oci(std::string const& manifests = "") {
        files["oci-layout"] = R"({"imageLayoutVersion":"1.0.0"})";
        files["index.json"] =
            R"({"schemaVersion":2,"manifests":[)" + (manifests.empty() ? add_manifest() : manifests) + "]}";
        return *this;
    }
    ImageBuilder& make_docker() {
        std::vector<std::string> names;
        for (auto const& layer : layers) {
            names.push_back(sha256_hex(layer) + ".tar");
            files[names.back()] = compressed(layer, compression);
        }
        auto const name = sha256_hex(image_config()) + ".json";
        files[name] = image_config();
        files["manifest.json"] = R"([{"Config":")" + name + R"(","RepoTags":)" + json_strings(tags) +
                                 R"(,"Layers":)" + json_strings(names) + "}]";
        return *this;
    }
    void write_to(krun::test::TempDir const& dir, std::string const& name) const {
        for (auto const& [file, content] : files) {
            auto const path = name + "/" + file;
            dir.make_dir(path.substr(0, path.rfind('/')));
            dir.write(path, content);
        }
    }
    std::string tar() const {
        TarBuilder out;
        for (auto const& [file, content] : files) out.file(file, content);
        return out.build();
    }
};

}  // namespace krun::image::test
