// SPDX-License-Identifier: Apache-2.0
// From an image in each of its forms to a bundle, or to one line and nothing left.
#include "config-gen/image/unpack.h"

#include "config-gen/image/image_files.h"
#include "oci/load.h"
#include "tests/config-gen/image/unpack_fixture.h"

namespace krun::image {
namespace {

using test::compressed;
using test::Compression;
using test::ImageBuilder;
using test::TarBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using UnpackTest = test::UnpackTest;

// ---- Forms. ----

class UnpackCompressed : public test::UnpackTest, public ::testing::WithParamInterface<Compression> {};

TEST_P(UnpackCompressed, LayersOfALayout) {
    auto image = two_layers();
    image.compression = GetParam();
    use_directory(image.make_oci());
    ASSERT_EQ(unpack(), "");
    expect_two_layers();
}
TEST_P(UnpackCompressed, TarOfALayout) {
    use_file(compressed(two_layers().make_oci().tar(), GetParam()));
    ASSERT_EQ(unpack(), "");
    expect_two_layers();
}
TEST_P(UnpackCompressed, DockerArchive) {
    use_file(compressed(two_layers().make_docker().tar(), GetParam()));
    ASSERT_EQ(unpack(), "");
    expect_two_layers();
}
TEST_P(UnpackCompressed, LayersOfADockerArchive) {
    auto image = two_layers();
    image.compression = GetParam();
    use_file(image.make_docker().tar());
    ASSERT_EQ(unpack(), "");
    expect_two_layers();
}
TEST_P(UnpackCompressed, RootFileSystem) {
    use_file(compressed(TarBuilder().dir(".").file("./old", "new").dir("etc").symlink("link", "x").build(),
                        GetParam()));
    ASSERT_EQ(unpack(), "");
    expect_two_layers();
}
INSTANTIATE_TEST_SUITE_P(All, UnpackCompressed,
                         ::testing::Values(Compression::kNone, Compression::kGzip, Compression::kXz,
                                           Compression::kZstd),
                         ::testing::PrintToStringParamName());

TEST_F(UnpackTest, ConfigIsOneThatTheRuntimeAccepts) {
    use_directory(two_layers().make_oci());
    ASSERT_EQ(unpack(), "");
    auto const bundle = open_path(options_.bundle, O_RDONLY | O_DIRECTORY).value();
    auto const spec = oci::load_bundle(bundle.borrow()).value();
    EXPECT_THAT(spec.process->args, ElementsAre("sh"));
    EXPECT_EQ(spec.root.path, "rootfs");
    EXPECT_FALSE(spec.root.readonly);
}

// docker writes both into one archive; by digest more is known of it.
TEST_F(UnpackTest, LayoutIsPreferredToTheDockerArchiveInIt) {
    auto image = two_layers().make_docker();
    image.files["manifest.json"] = "no JSON";
    use_file(image.make_oci().tar());
    ASSERT_EQ(unpack(), "");
    expect_two_layers();
}

TEST_F(UnpackTest, OnlyTheOwnerMayEnterTheBundle) {
    use_directory(two_layers().make_oci());
    ASSERT_EQ(unpack(), "");
    EXPECT_EQ(test::look_at(options_.bundle).st_mode & 07777, 0700u);
}

TEST_F(UnpackTest, WhatIsNoImageIsToldInOneLine) {
    for (std::string const& content :
         {std::string(), std::string("text"), std::string(4096, 'x'), std::string("\x1f\x8b", 2)}) {
        use_file(content);
        EXPECT_THAT(unpack(),
                    HasSubstr("neither an OCI layout, a docker archive nor a tar of a root file system"))
            << content;
    }
    dir_.make_dir("images/empty");
    options_.image = dir_ / "images/empty";
    EXPECT_THAT(unpack(), HasSubstr("a directory without oci-layout"));
    options_.image = dir_ / "images/nowhere";
    EXPECT_THAT(unpack(), HasSubstr("No such file"));
    options_.image = "/dev/null";
    EXPECT_THAT(unpack(), HasSubstr("must be a regular file"));
}

// ---- What was promised of content. ----

TEST_F(UnpackTest, EachChangedBlobIsFound) {
    auto const whole = two_layers().make_oci();
    for (auto const& [name, content] : whole.files) {
        if (!name.starts_with("blobs/")) continue;
        for (auto const& changed : {content + " ", content.substr(1),
                                    std::string(1, static_cast<char>(content[0] ^ 1)) + content.substr(1)}) {
            auto image = whole;
            image.files[name] = changed;
            use_directory(image);
            EXPECT_THAT(unpack(), ::testing::AnyOf(HasSubstr("content is not sha256:"),
                                                   HasSubstr("content is not of ")))
                << name;
        }
        auto image = whole;
        image.files.erase(name);
        use_file(image.tar());
        EXPECT_THAT(unpack(), HasSubstr("the image lacks its file")) << name;
    }
}

TEST_F(UnpackTest, LayerIsWhatTheConfigurationSaysOnceItIsDecompressed) {
    auto image = two_layers();
    image.compression = Compression::kGzip;
    image.diff_ids = {test::sha256(image.layers[0]), test::sha256("another")};
    use_directory(image.make_oci());
    EXPECT_THAT(unpack(), HasSubstr("layer 2 of 2: content is not " + test::sha256("another")));
    image = two_layers();
    image.diff_ids = {test::sha256(image.layers[0]), test::sha256("another")};
    use_file(image.make_docker().tar());
    EXPECT_THAT(unpack(), HasSubstr("layer 2 of 2: content is not " + test::sha256("another")));
}

// What stands behind the archive's end belongs to the layer as well.
TEST_F(UnpackTest, BytesBehindTheEndOfALayerCount) {
    auto image = two_layers();
    image.diff_ids = {test::sha256(image.layers[0]), test::sha256(image.layers[1])};
    image.layers[1] += std::string(100'000, '\0');
    use_directory(image.make_oci());
    EXPECT_THAT(unpack(), HasSubstr("layer 2 of 2: content is not "));
}

TEST_F(UnpackTest, ConfigurationOfADockerArchiveIsWhatItsNameSays) {
    auto image = two_layers().make_docker();
    for (auto& [name, content] : image.files)
        if (name.ends_with(".json") && name != "manifest.json") content += " ";
    use_file(image.tar());
    EXPECT_THAT(unpack(), HasSubstr("content is not sha256:"));
}

TEST_F(UnpackTest, AsManyDiffIdsAsLayersAreNeeded) {
    auto image = two_layers();
    image.diff_ids = {test::sha256(image.layers[0])};
    use_directory(image.make_oci());
    EXPECT_THAT(unpack(), HasSubstr("rootfs.diff_ids: as many as layers are needed"));
    image.files.clear();
    use_file(image.make_docker().tar());
    EXPECT_THAT(unpack(), HasSubstr("rootfs.diff_ids: as many as layers are needed"));
}

// ---- Bounds. ----

TEST_F(UnpackTest, BombsEndAtTheirBound) {
    std::string const zeros(16 << 20, '\0');
    for (auto const kind : {Compression::kGzip, Compression::kXz, Compression::kZstd}) {
        auto image = two_layers();
        image.compression = kind;
        image.layers[1] = TarBuilder().file("zeros", zeros).build();
        use_file(image.make_oci().tar());
        ASSERT_LT(std::filesystem::file_size(options_.image), 200'000u);
        options_.max_bytes = 8 << 20;
        EXPECT_THAT(unpack(), HasSubstr("the image holds more than 8388608 bytes, see --max-size"));
        use_file(compressed(TarBuilder().file("zeros", zeros).build(), kind));
        EXPECT_THAT(unpack(), HasSubstr("the image holds more than 8388608 bytes, see --max-size"));
    }
}

TEST_F(UnpackTest, WhatNobodyWritesCountsToo) {
    auto image = two_layers();
    image.compression = Compression::kZstd;
    image.layers[1] += std::string(16 << 20, '\0');  // behind the end of the archive
    use_directory(image.make_oci());
    options_.max_bytes = 8 << 20;
    EXPECT_THAT(unpack(), HasSubstr("the image holds more than 8388608 bytes"));
}

TEST_F(UnpackTest, CompressingTwiceIsRefused) {
    auto image = two_layers();
    image.layers[1] = compressed(image.layers[1], Compression::kGzip);
    image.compression = Compression::kZstd;
    use_directory(image.make_oci());
    EXPECT_THAT(unpack(), HasSubstr("compressed more than once"));
}

TEST_F(UnpackTest, MembersOfAnArchiveOfImagesAreBounded) {
    auto const image = two_layers().make_oci();
    TarBuilder tar;
    for (auto const& [name, content] : image.files) tar.file(name, content);
    for (uint64_t i = 0; i < kMaxMembers; ++i) tar.dir("a/b/c/d");
    use_file(tar.build());
    EXPECT_THAT(unpack(), HasSubstr("an archive of images with more than 10000 members"));
}

TEST_F(UnpackTest, LayersAndDocumentsAreBounded) {
    ImageBuilder image;
    image.layers.assign(128, TarBuilder().file("a").build());
    use_directory(image.make_oci());
    EXPECT_THAT(unpack(), HasSubstr("128 layers, the limit is 127"));
    image = two_layers();
    image.make_oci().files["index.json"] += std::string(kMaxDocumentBytes, ' ');
    use_directory(image);
    EXPECT_THAT(unpack(), HasSubstr("index.json: larger than 4194304 bytes"));
    image = two_layers();
    image.config = R"({"Labels":{"x":")" + std::string(kMaxDocumentBytes, 'x') + R"("}})";
    use_directory(image.make_oci());
    EXPECT_THAT(unpack(), HasSubstr("larger than 4194304 bytes"));
    image = two_layers();
    image.make_oci().files["index.json"] = std::string(100, '[');
    use_directory(image);
    EXPECT_THAT(unpack(), HasSubstr("index.json: line 1: "));
}

// ---- The bundle. ----

TEST_F(UnpackTest, BundleMayBeAnEmptyDirectory) {
    std::filesystem::create_directory(options_.bundle);
    options_.bundle += "///";
    use_directory(two_layers().make_oci());
    ASSERT_EQ(unpack(), "");
    expect_two_layers();
}

TEST_F(UnpackTest, WhatExistsIsNotTouchedAndToldBeforeTheImageIsLookedAt) {
    options_.image = dir_ / "images/nowhere";
    dir_.make_dir("mine/full/sub");
    dir_.write("mine/file", "mine");
    dir_.make_dir("mine/empty");
    dir_.link("empty", "mine/link");
    auto const before = test::snapshot(dir_ / "mine");
    for (char const* const name : {"mine/full", "mine/file", "mine/link"}) {
        options_.bundle = dir_ / name;
        EXPECT_THAT(unpack(), HasSubstr("exists and is not an empty directory")) << name;
    }
    for (char const* const name : {"/", ".", "..", "mine/.."}) {
        options_.bundle = name;
        EXPECT_THAT(unpack(), HasSubstr("must name a directory to be made")) << name;
    }
    options_.bundle = dir_ / "nowhere/bundle";
    EXPECT_THAT(unpack(), HasSubstr("No such file"));
    EXPECT_EQ(test::snapshot(dir_ / "mine"), before);
}

TEST_F(UnpackTest, HostileLayerLeavesNothing) {
    auto image = two_layers();
    TarBuilder tar;
    tar.dir("ro", 0).file("ro/x").symlink("out", dir_ / "work").file("out/planted");
    image.layers.push_back(tar.build());
    use_directory(image.make_oci());
    EXPECT_THAT(unpack(), HasSubstr("layer 3 of 3: \"out/planted\": lies below a symbolic link, in \"out\""));
}

TEST_F(UnpackTest, InterruptionLeavesNothing) {
    use_directory(two_layers().make_oci());
    interrupted_ = [] {
        static int asked = 0;
        return ++asked > 3;
    };
    EXPECT_THAT(unpack(), HasSubstr("interrupted"));
}

}  // namespace
}  // namespace krun::image
