// SPDX-License-Identifier: Apache-2.0
// What a layer does to the tree below it (image-spec layer.md).
#include "config-gen/image/layer.h"

#include "tests/config-gen/image/tree_fixture.h"

namespace krun::image {
namespace {

using test::TarBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using LayerTest = test::TreeTest;

TEST_F(LayerTest, FileHasContentModeOwnerAndTime) {
    TarBuilder tar;
    tar.add({.path = "etc/passwd", .mode = 0640, .content = "root", .uid = 7, .gid = 8, .mtime = 12345});
    ASSERT_EQ(apply(tar), "");
    auto const info = test::look_at(path("etc/passwd"));
    EXPECT_EQ(text("etc/passwd"), "root");
    EXPECT_EQ(info.st_mode & 07777, 0640u);
    EXPECT_EQ(info.st_mtim.tv_sec, 12345);
    if (::geteuid() != 0) GTEST_SKIP() << "owners are set by root alone";
    EXPECT_EQ(info.st_uid, 7u);
    EXPECT_EQ(info.st_gid, 8u);
}

TEST_F(LayerTest, MissingParentsAreMade) {
    ASSERT_EQ(apply(TarBuilder().file("a/b/c", "x")), "");
    finish();
    EXPECT_EQ(text("a/b/c"), "x");
    EXPECT_EQ(test::look_at(path("a/b")).st_mode & 07777, 0755u);
}

TEST_F(LayerTest, WithoutAnEntryOfItsOwnTheRootIsOpenToAllUsersOfTheGuest) {
    ASSERT_EQ(::chmod(root().c_str(), 0700), 0);
    ASSERT_EQ(apply(TarBuilder().file("a")), "");
    finish();
    EXPECT_EQ(test::look_at(root()).st_mode & 07777, 0755u);
}

TEST_F(LayerTest, DirectoryKeepsItsTimeAndModeAlthoughFilesFollow) {
    TarBuilder tar;
    tar.dir("ro", 0555).last().mtime = 5555;
    tar.dir("ro/sub", 0700).last().mtime = 6666;
    tar.file("ro/sub/file").file("ro/other");
    ASSERT_EQ(apply(tar), "");
    ASSERT_EQ(apply(TarBuilder().file("ro/of the next layer")), "");
    finish();
    EXPECT_EQ(test::look_at(path("ro")).st_mode & 07777, 0555u);
    EXPECT_EQ(test::look_at(path("ro")).st_mtim.tv_sec, 5555);
    EXPECT_EQ(test::look_at(path("ro/sub")).st_mode & 07777, 0700u);
    EXPECT_EQ(test::look_at(path("ro/sub")).st_mtim.tv_sec, 6666);
}

TEST_F(LayerTest, DirectoryThatIsMadeAnewHasNothingOfTheOneBefore) {
    TarBuilder first;
    first.dir("d", 0700).last().mtime = 5555;
    ASSERT_EQ(apply(first), "");
    ASSERT_EQ(apply(TarBuilder().whiteout(".wh.d")), "");
    ASSERT_EQ(apply(TarBuilder().file("d/x")), "");
    finish();
    EXPECT_EQ(test::look_at(path("d")).st_mode & 07777, 0755u);
    EXPECT_NE(test::look_at(path("d")).st_mtim.tv_sec, 5555);
}

TEST_F(LayerTest, SymbolicLinksAreKeptAsTheyAreWritten) {
    TarBuilder tar;
    tar.symlink("abs", "/etc/passwd").last().mtime = 777;
    tar.symlink("up", "../../x").symlink("dangling", "nowhere");
    ASSERT_EQ(apply(tar), "");
    EXPECT_EQ(std::filesystem::read_symlink(path("abs")), "/etc/passwd");
    EXPECT_EQ(std::filesystem::read_symlink(path("up")), "../../x");
    EXPECT_EQ(test::look_at(path("abs")).st_mtim.tv_sec, 777);
}

TEST_F(LayerTest, HardLinksShareTheirFileAcrossLayers) {
    ASSERT_EQ(apply(TarBuilder().file("a", "shared").hard_link("d/b", "./a")), "");
    ASSERT_EQ(apply(TarBuilder().hard_link("c", "/a")), "");
    EXPECT_EQ(test::look_at(path("a")).st_nlink, 3u);
    EXPECT_EQ(test::look_at(path("d/b")).st_ino, test::look_at(path("c")).st_ino);
}

TEST_F(LayerTest, SparseFilesStaySparse) {
    TarBuilder tar;
    tar.add({.path = "sparse", .content = "end", .sparse_bytes = 8 << 20});
    auto const bytes = tar.build();
    ASSERT_LT(bytes.size(), 100'000u) << "the archive itself is sparse";
    ASSERT_EQ(apply(bytes), "");
    auto const info = test::look_at(path("sparse"));
    EXPECT_EQ(info.st_size, (8 << 20) + 3);
    EXPECT_LT(info.st_blocks * 512, 1 << 20);
    EXPECT_EQ(text("sparse").substr(8 << 20), "end");
}

TEST_F(LayerTest, FileThatEndsWithAHoleHasItsWholeSize) {
    auto const records =
        test::pax_record("GNU.sparse.major", "1") + test::pax_record("GNU.sparse.minor", "0") +
        test::pax_record("GNU.sparse.name", "s") + test::pax_record("GNU.sparse.realsize", "1000000");
    auto const body = test::padded("1\n0\n5\n") + test::padded("start");
    ASSERT_EQ(apply(test::pax_header(records) + test::raw_header({"s", '0', test::octal(512 + 5), {}}) +
                    body + test::end_of_archive()),
              "");
    EXPECT_EQ(test::look_at(path("s")).st_size, 1'000'000);
    EXPECT_EQ(text("s").substr(0, 6), std::string("start\0", 6));
}

TEST_F(LayerTest, UserAttributesAreKept) {
    TarBuilder tar;
    tar.file("f").last().xattrs = {{"user.name", std::string("va\0lue", 6)}};
    tar.dir("d").last().xattrs = {{"user.name", "dir"}};
    ASSERT_EQ(apply(tar), "");
    if (!warnings_.lines().empty()) GTEST_SKIP() << "this file system has no user attributes";
    char value[16];
    EXPECT_EQ(::getxattr(path("f").c_str(), "user.name", value, sizeof value), 6);
    EXPECT_EQ(std::string(value, 6), std::string("va\0lue", 6));
    EXPECT_EQ(::getxattr(path("d").c_str(), "user.name", value, sizeof value), 3);
}

TEST_F(LayerTest, DirectoryThatIsDescribedAnewHasOnlyItsNewAttributes) {
    TarBuilder first;
    first.dir("d").last().xattrs = {{"user.old", "x"}};
    ASSERT_EQ(apply(first), "");
    if (!warnings_.lines().empty()) GTEST_SKIP() << "this file system has no user attributes";
    TarBuilder second;
    second.dir("d").last().xattrs = {{"user.new", "y"}};
    ASSERT_EQ(apply(second), "");
    EXPECT_LT(::getxattr(path("d").c_str(), "user.old", nullptr, 0), 0);
    EXPECT_EQ(::getxattr(path("d").c_str(), "user.new", nullptr, 0), 1);
}

TEST_F(LayerTest, OfTwoEntriesTheLastCounts) {
    TarBuilder tar;
    tar.file("a", "long content").file("a", "new").dir("d").file("d/x").file("d", "no directory any more");
    ASSERT_EQ(apply(tar), "");
    EXPECT_EQ(text("a"), "new");
    EXPECT_EQ(text("d"), "no directory any more");
}

TEST_F(LayerTest, RewrittenHardLinkLeavesItsOtherNameAlone) {
    ASSERT_EQ(apply(TarBuilder().file("a", "old").hard_link("b", "a")), "");
    ASSERT_EQ(apply(TarBuilder().file("a", "new")), "");
    EXPECT_EQ(text("b"), "old");
}

// layer.md#applying-changesets: what is no directory in both is removed and made anew.
TEST_F(LayerTest, TypesMayChangeBetweenLayers) {
    TarBuilder below;
    below.dir("d2f")
        .file("d2f/x")
        .file("f2d")
        .symlink("l2d", "d2d")
        .dir("d2d")
        .file("d2d/kept")
        .dir("d2l")
        .file("d2l/x");
    ASSERT_EQ(apply(below), "");
    TarBuilder above;
    above.file("d2f", "file")
        .dir("f2d")
        .file("f2d/x")
        .dir("l2d")
        .file("l2d/x")
        .dir("d2d", 0711)
        .symlink("d2l", "f2d");
    ASSERT_EQ(apply(above), "");
    finish();
    EXPECT_EQ(text("d2f"), "file");
    EXPECT_THAT(names("f2d"), ElementsAre("x"));
    EXPECT_THAT(names("l2d"), ElementsAre("x"));
    EXPECT_THAT(names("d2d"), ElementsAre("kept"));
    EXPECT_EQ(test::look_at(path("d2d")).st_mode & 07777, 0711u);
    EXPECT_TRUE(std::filesystem::is_symlink(path("d2l")));
}

// In the C locale too, which this program has.
TEST_F(LayerTest, NamesStayTheBytesTheyAre) {
    for (auto const& name : {std::string("gr\xc3\xbcn"), std::string("caf\xe9")}) {
        auto const file = test::raw_header({name, '0', test::octal(0), {}});
        ASSERT_EQ(apply(file + test::end_of_archive()), "");
        auto const extended = test::pax_header(test::pax_record("path", "pax" + name));
        ASSERT_EQ(apply(extended + file + test::end_of_archive()), "");
    }
    EXPECT_THAT(names(), ElementsAre("caf\xe9", "gr\xc3\xbcn", "paxcaf\xe9", "paxgr\xc3\xbcn"));
}

TEST_F(LayerTest, EmptyArchiveChangesNothing) {
    EXPECT_EQ(apply(test::end_of_archive()), "");
    EXPECT_TRUE(names().empty());
}

// ---- Whiteouts: image-spec layer.md#whiteouts. ----

TEST_F(LayerTest, WhiteoutHidesAFileAndADirectoryOfTheLayersBelow) {
    ASSERT_EQ(apply(TarBuilder().file("a").file("d/x").file("d/sub/y").file("kept")), "");
    ASSERT_EQ(apply(TarBuilder()
                        .whiteout(".wh.a")
                        .whiteout(".wh.d")
                        .whiteout(".wh.never there")
                        .whiteout("no/.wh.x")),
              "");
    EXPECT_THAT(names(), ElementsAre("kept"));
}

TEST_F(LayerTest, WhiteoutHidesNothingOfItsOwnLayerWhereverItStands) {
    ASSERT_EQ(apply(TarBuilder().file("before", "old").file("after", "old").file("d/old")), "");
    TarBuilder tar;
    tar.whiteout(".wh.before").file("before", "new").file("after", "new").whiteout(".wh.after");
    tar.file("d/new").whiteout(".wh.d");
    ASSERT_EQ(apply(tar), "");
    EXPECT_EQ(text("before"), "new");
    EXPECT_EQ(text("after"), "new");
    EXPECT_THAT(names("d"), ElementsAre("new"));
}

TEST_F(LayerTest, OpaqueDirectoryHasOnlyWhatItsOwnLayerPutsThere) {
    ASSERT_EQ(
        apply(TarBuilder().file("d/old").file("d/sub/old").file("d/sub/deep/old").symlink("d/link", "old")),
        "");
    TarBuilder tar;
    tar.file("d/new").symlink("d/mine", "/").file("d/sub/new").whiteout("d/.wh..wh..opq").file("d/late");
    ASSERT_EQ(apply(tar), "");
    EXPECT_THAT(names("d"), ElementsAre("late", "mine", "new", "sub"));
    EXPECT_THAT(names("d/sub"), ElementsAre("new"));
}

TEST_F(LayerTest, OpaqueRootHidesAllLayersBelow) {
    ASSERT_EQ(apply(TarBuilder().file("a").file("d/x")), "");
    ASSERT_EQ(apply(TarBuilder().file("new").whiteout(".wh..wh..opq")), "");
    EXPECT_THAT(names(), ElementsAre("new"));
}

TEST_F(LayerTest, WhiteoutsThatHideNoNameAreRefused) {
    ASSERT_EQ(apply(TarBuilder().file("d/x")), "");
    for (char const* const name : {".wh.", "d/.wh.", ".wh..", "d/.wh..", ".wh...", "d/.wh..."})
        EXPECT_THAT(apply(TarBuilder().whiteout(name)), HasSubstr("whiteout of no name")) << name;
    for (char const* const name : {".wh./x", ".wh.d/x", "d/.wh..wh.plnk/1.2"})
        EXPECT_THAT(apply(TarBuilder().file(name)), HasSubstr("something below a whiteout")) << name;
    for (char const* const name : {".wh.../x", ".wh./../x", "d/.wh.x/../../x"})
        EXPECT_NE(apply(TarBuilder().file(name)), "") << name;
    EXPECT_THAT(names("d"), ElementsAre("x"));
    EXPECT_THAT(names(), ElementsAre("d"));
}

TEST_F(LayerTest, NoWhiteoutIsEverAFile) {
    ASSERT_EQ(
        apply(TarBuilder().whiteout(".wh.a").whiteout(".wh..wh..opq").dir(".wh.d").symlink(".wh.l", "x")),
        "");
    EXPECT_TRUE(names().empty());
}

}  // namespace
}  // namespace krun::image
