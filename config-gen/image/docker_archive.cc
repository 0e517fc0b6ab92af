// SPDX-License-Identifier: Apache-2.0
// What `docker save` and `podman save --format docker-archive` write: manifest.json names a configuration and
// layers by file. Nothing promises what those files are but the configuration, which has the layers' digests,
// and the name of its file, which is its own.
#include <algorithm>

#include "base/strings.h"
#include "config-gen/image/image.h"

namespace krun::image {
namespace {

Error invalid(std::string text, Where where = Where::current()) {
    return Error(Errc::kInvalidConfig, std::move(text), 0, where);
}

std::string tags_of(std::vector<DockerImage> const& images) {
    std::vector<std::string> out;
    for (auto const& image : images)
        for (auto const& tag : image.repo_tags)
            if (out.size() < 8) out.push_back(quoted(tag));
    return out.empty() ? "none has a name" : "names: " + join(out, ", ");
}

bool is_called(DockerImage const& image, std::string const& name) {
    return std::find(image.repo_tags.begin(), image.repo_tags.end(), name) != image.repo_tags.end();
}

Result<DockerImage> choose(std::vector<DockerImage> const& all, std::string const& name) {
    std::vector<DockerImage> fitting;
    for (auto const& image : all)
        if (name.empty() || is_called(image, name)) fitting.push_back(image);
    if (fitting.size() == 1) return fitting.front();
    if (fitting.empty())
        return fail(Error(Errc::kNotFound, "no image called " + quoted(name) + "; " + tags_of(all)));
    return fail(invalid("more than one image, choose with --ref; " + tags_of(all)));
}

// "DIGEST.json", or "blobs/sha256/DIGEST".
Result<Digest> digest_in_name(std::string const& file) {
    auto name = std::string_view(file).substr(file.rfind('/') == file.npos ? 0 : file.rfind('/') + 1);
    if (name.ends_with(".json")) name.remove_suffix(5);
    return Digest::parse("sha256:" + std::string(name));
}

Result<ImageConfig> read_config(ImageFiles& files, std::string const& name) {
    auto const file = TRY(files.open(name));
    auto const text = TRY_WITH(read_all(*file, kMaxDocumentBytes), quoted(name));
    Verifier verifier(TRY_WITH(digest_in_name(name), "name of the configuration"));
    verifier.add(std::as_bytes(std::span(text)));
    TRY_WITH(verifier.finish(), quoted(name));
    return TRY_WITH(parse_image_config(text), quoted(name));
}

}  // namespace

Result<Image> find_docker_image(ImageFiles& files, std::string const& name) {
    auto const file = TRY(files.open("manifest.json"));
    auto const text = TRY_WITH(read_all(*file, kMaxDocumentBytes), "manifest.json");
    auto const images = TRY_WITH(parse_docker_manifest(text), "manifest.json");
    auto const chosen = TRY_WITH(choose(images, name), "manifest.json");
    Image image;
    image.config = TRY(read_config(files, chosen.config));
    auto const& diff_ids = image.config->rootfs.diff_ids;
    if (diff_ids.size() != chosen.layers.size())
        return fail(invalid(quoted(chosen.config) + ": rootfs.diff_ids: as many as layers are needed"));
    for (size_t i = 0; i < diff_ids.size(); ++i) {
        auto diff_id = TRY_WITH(Digest::parse(diff_ids[i]), "rootfs.diff_ids");
        image.layers.push_back({chosen.layers[i], {}, std::move(diff_id)});
    }
    return image;
}

}  // namespace krun::image
