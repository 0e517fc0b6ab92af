// SPDX-License-Identifier: Apache-2.0
// Images in a directory, and bundles made of them beside it.
#pragma once
#include "config-gen/image/unpack.h"
#include "tests/config-gen/image/image_builder.h"
#include "tests/config-gen/image/tree_fixture.h"

namespace krun::image::test {

class UnpackTest : public ::testing::Test {
protected:
    UnpackTest() {
        dir_.make_dir("work");
        dir_.make_dir("images");
        options_.bundle = dir_ / "work/bundle";
    }

    // Two layers: the upper one changes, hides and adds.
    static ImageBuilder two_layers() {
        ImageBuilder image;
        image.layers.push_back(
            TarBuilder().file("etc/passwd", "root:x:0:0::/:\n").file("old").file("gone").build());
        image.layers.push_back(
            TarBuilder().file("old", "new").whiteout(".wh.gone").symlink("link", "old").build());
        return image;
    }
    void use_file(std::string const& content) {
        dir_.write("images/file", content);
        options_.image = dir_ / "images/file";
    }
    void use_directory(ImageBuilder const& image) {
        image.write_to(dir_, "images/dir");
        options_.image = dir_ / "images/dir";
    }
    // "" or the one line that says why; then nothing is left.
    std::string unpack() {
        Progress progress(interrupted_);
        auto const done = image::unpack(options_, progress);
        if (done.ok()) {
            warnings_ = done.value().lines();
            return "";
        }
        EXPECT_THAT(work(), ::testing::IsEmpty()) << "something is left";
        EXPECT_EQ(done.error().message().find('\n'), std::string::npos);
        return done.error().message();
    }
    std::vector<std::string> work() const {
        std::vector<std::string> out;
        for (auto const& entry : std::filesystem::directory_iterator(dir_ / "work"))
            out.push_back(entry.path().filename());
        return out;
    }
    std::string text(std::string const& name) const { return read_text(options_.bundle + "/rootfs/" + name); }
    void expect_two_layers() const {
        std::set<std::string> names;
        for (auto const& entry : std::filesystem::directory_iterator(options_.bundle + "/rootfs"))
            names.insert(entry.path().filename());
        EXPECT_THAT(names, ::testing::ElementsAre("etc", "link", "old"));
        EXPECT_EQ(text("old"), "new");
        EXPECT_THAT(work(), ::testing::ElementsAre("bundle"));
    }

    krun::test::TempDir dir_;
    UnpackOptions options_;
    bool (*interrupted_)() = nullptr;
    std::vector<std::string> warnings_;
};

}  // namespace krun::image::test
