// SPDX-License-Identifier: Apache-2.0
// A root to apply layers to, and beside it a directory that no layer may touch.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <filesystem>
#include <set>

#include "config-gen/image/archive_reader.h"
#include "config-gen/image/layer.h"
#include "config-gen/image/tree_writer.h"
#include "tests/config-gen/image/tar_builder.h"
#include "tests/support/temp_dir.h"

namespace krun::image::test {

inline std::string read_text(std::string const& path) {
    return read_file(path, size_t{1} << 24).value();
}

using FileInfo = struct stat;
inline FileInfo look_at(std::string const& path) {
    struct stat info {};
    EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
    return info;
}

// Every name below `directory` with all that can be changed of it.
inline std::string snapshot(std::string const& directory) {
    std::set<std::string> lines;
    for (auto const& entry : std::filesystem::recursive_directory_iterator(directory)) {
        auto const info = look_at(entry.path());
        std::string line = entry.path().string();
        for (auto const part :
             {static_cast<uint64_t>(info.st_mode), uint64_t{info.st_uid}, uint64_t{info.st_gid},
              static_cast<uint64_t>(info.st_size), uint64_t{info.st_nlink},
              static_cast<uint64_t>(info.st_mtim.tv_sec), static_cast<uint64_t>(info.st_mtim.tv_nsec)})
            line += " " + std::to_string(part);
        char names[256];
        line += " " + std::to_string(::llistxattr(entry.path().c_str(), names, sizeof names));
        if (entry.is_regular_file()) line += " " + read_text(entry.path());
        lines.insert(line);
    }
    std::string out;
    for (auto const& line : lines) out += line + "\n";
    return out;
}

class TreeTest : public ::testing::Test {
protected:
    TreeTest() {
        dir_.make_dir("rootfs");
        dir_.make_dir("outside/sub");
        dir_.write("outside/file", "canary");
        dir_.write("outside/sub/file", "canary");
        outside_ = snapshot(dir_ / "outside");
        writer_.emplace(open_path(root(), O_RDONLY | O_DIRECTORY).value(), own_privilege(), warnings_);
    }
    void TearDown() override {
        EXPECT_EQ(snapshot(dir_ / "outside"), outside_) << "something outside was changed";
    }

    // "" or why it failed.
    std::string apply(std::string const& tar) {
        TextSource source(tar);
        auto const done = apply_layer(source, *writer_, budget_);
        return done.ok() ? "" : done.error().message();
    }
    std::string apply(TarBuilder const& tar) { return apply(tar.build()); }
    void finish() { ASSERT_TRUE(writer_->finish().ok()); }

    std::string root() const { return dir_ / "rootfs"; }
    std::string path(std::string const& name) const { return root() + "/" + name; }
    std::string outside() const { return dir_ / "outside"; }
    std::string text(std::string const& name) const { return read_text(path(name)); }
    bool exists(std::string const& name) const {
        return std::filesystem::exists(std::filesystem::symlink_status(path(name)));
    }
    std::vector<std::string> names(std::string const& directory = "") const {
        std::set<std::string> out;
        for (auto const& entry : std::filesystem::directory_iterator(path(directory)))
            out.insert(entry.path().filename());
        return {out.begin(), out.end()};
    }
    void replace_writer(Privilege privilege) {
        writer_.emplace(open_path(root(), O_RDONLY | O_DIRECTORY).value(), privilege, warnings_);
    }

    krun::test::TempDir dir_;
    Warnings warnings_;
    Budget budget_{uint64_t{1} << 30};
    std::optional<TreeWriter> writer_;
    std::string outside_;
};

}  // namespace krun::image::test
