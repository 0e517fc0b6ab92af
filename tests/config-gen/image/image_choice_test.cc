// SPDX-License-Identifier: Apache-2.0
// Which image is taken where there are several, and where its files are looked for.
#include "tests/config-gen/image/unpack_fixture.h"

namespace krun::image {
namespace {

using test::ImageBuilder;
using test::TarBuilder;
using ::testing::HasSubstr;

using ImageChoice = test::UnpackTest;

std::string named(std::string const& name) {
    return R"({"org.opencontainers.image.ref.name":")" + name + "\"}";
}

TEST_F(ImageChoice, OneOfSeveralImagesIsChosenByName) {
    ImageBuilder image;
    image.manifest_annotations = named("first");
    image.layers = {TarBuilder().file("old", "first").build()};
    auto manifests = image.add_manifest();
    image.manifest_annotations = R"({"io.containerd.image.name":"docker.io/x:second"})";
    image.layers = {TarBuilder().file("old", "second").build()};
    manifests += "," + image.add_manifest();
    use_directory(image.make_oci(manifests));
    EXPECT_THAT(unpack(), HasSubstr("more than one image, choose with --ref; names: \"first\""));
    options_.name = "third";
    EXPECT_THAT(unpack(), HasSubstr("no image called \"third\""));
    options_.name = "docker.io/x:second";
    ASSERT_EQ(unpack(), "");
    EXPECT_EQ(text("old"), "second");
}

TEST_F(ImageChoice, ImageOfADockerArchiveIsChosenByItsTag) {
    auto image = two_layers();
    image.tags = {"x:1", "x:2"};
    image.make_docker();
    options_.name = "x:3";
    use_file(image.tar());
    EXPECT_THAT(unpack(), HasSubstr("no image called \"x:3\"; names: \"x:1\", \"x:2\""));
    options_.name = "x:2";
    ASSERT_EQ(unpack(), "");
    expect_two_layers();
}

TEST_F(ImageChoice, OfSeveralPlatformsItIsThatOfTheGuest) {
    auto image = two_layers();
    auto const mine = image.add_manifest(R"(,"platform":{"architecture":"amd64","os":"linux"})");
    image.architecture = "arm64";
    auto const other =
        image.add_manifest(R"(,"platform":{"architecture":"arm64","os":"linux","variant":"v8"})");
    auto const proof = image.add_manifest(R"(,"platform":{"architecture":"unknown","os":"unknown"})");
    auto const inner = R"({"schemaVersion":2,"manifests":[)" + other + "," + mine + "," + proof + "]}";
    image.add_blob(inner);
    use_directory(image.make_oci(ImageBuilder::descriptor("application/vnd.oci.image.index.v1+json", inner)));
    ASSERT_EQ(unpack(), "");
    expect_two_layers();
}

TEST_F(ImageChoice, ImageForAnotherPlatformIsRefused) {
    auto image = two_layers();
    image.architecture = "arm64";
    use_directory(image.make_oci());
    EXPECT_THAT(unpack(), HasSubstr("the image is for \"linux/arm64\", not for linux/amd64"));
}

TEST_F(ImageChoice, IndexesAreFollowedFourDeep) {
    auto image = two_layers();
    auto inner = image.add_manifest();
    for (int depth = 1; depth <= 4; ++depth) {
        auto const index = R"({"manifests":[)" + inner + "]}";
        use_directory(image.make_oci(inner));
        EXPECT_EQ(unpack() == "", depth <= 4) << depth;
        std::filesystem::remove_all(options_.bundle);
        inner = ImageBuilder::descriptor("application/vnd.oci.image.index.v1+json", image.add_blob(index));
    }
    use_directory(image.make_oci(inner));
    EXPECT_THAT(unpack(), HasSubstr("leads to no manifest"));
}

TEST_F(ImageChoice, LayersOfAnUnknownKindAreRefused) {
    auto image = two_layers();
    image.layer_type += "+encrypted";
    use_directory(image.make_oci());
    EXPECT_THAT(unpack(), HasSubstr("layers: of type \"application/vnd.oci.image.layer.v1.tar+encrypted\""));
}

// ---- Where files are. ----

TEST_F(ImageChoice, LinkToALayerIsFollowedOnceInAnArchive) {
    auto const image = two_layers().make_docker();
    TarBuilder tar;
    for (auto const& [name, content] : image.files) {
        bool const layer = name.ends_with(".tar");
        tar.file(layer ? "real/" + name : name, content);
        if (layer) tar.symlink(name, "./real/../real/" + name);
    }
    use_file(tar.build());
    ASSERT_EQ(unpack(), "");
    expect_two_layers();
}

TEST_F(ImageChoice, LoopsChainsAndLinksOutOfAnArchiveLeadNowhere) {
    auto const image = two_layers().make_docker();
    for (char const* const target : {"manifest.json", "/etc/passwd", "../../etc/passwd", "other", "second"}) {
        TarBuilder tar;
        for (auto const& [name, content] : image.files)
            tar.file(name == "manifest.json" ? "real" : name, content);
        tar.symlink("other", "manifest.json").symlink("second", "real").symlink("manifest.json", target);
        use_file(tar.build());
        EXPECT_THAT(unpack(), HasSubstr("the image lacks its file \"manifest.json\"")) << target;
    }
}

TEST_F(ImageChoice, LinksAndFifosInALayoutAreNotOpened) {
    auto const image = two_layers().make_oci();
    use_directory(image);
    auto const index = dir_ / "images/dir/index.json";
    std::filesystem::rename(index, dir_ / "images/index.json");
    std::filesystem::create_symlink("../index.json", index);
    EXPECT_THAT(unpack(), HasSubstr("index.json"));
    std::filesystem::remove(index);
    ASSERT_EQ(::mkfifo(index.c_str(), 0600), 0);
    EXPECT_THAT(unpack(), HasSubstr("must be a regular file"));
}

}  // namespace
}  // namespace krun::image
