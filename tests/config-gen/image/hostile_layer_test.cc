// SPDX-License-Identifier: Apache-2.0
// Layers that want something outside the root, or more than there is. After each test the directory outside
// is compared with what it was (tree_fixture.h).
#include <tuple>

#include "tests/config-gen/image/tree_fixture.h"

namespace krun::image {
namespace {

using test::end_of_archive;
using test::octal;
using test::padded;
using test::pax_header;
using test::pax_record;
using test::raw_header;
using test::TarBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using HostileLayer = test::TreeTest;

// ---- A link is planted, then something is done through it. ----

struct Plant {
    char const* name;
    // Makes "link", which leads to outside(), or to a directory of the tree that must not be reached so
    // either.
    void (*plant)(TarBuilder& tar, std::string const& outside);
};
constexpr Plant kPlants[] = {
    {"Absolute", [](TarBuilder& tar, std::string const& outside) { tar.symlink("link", outside); }},
    {"Upwards", [](TarBuilder& tar, std::string const&) { tar.symlink("link", "../outside"); }},
    {"Chained",
     [](TarBuilder& tar, std::string const& outside) {
         tar.symlink("one", outside).symlink("two", "one").symlink("link", "two");
     }},
    {"BelowADirectory",
     [](TarBuilder& tar, std::string const&) {
         tar.dir("d").symlink("d/up", "../../outside").symlink("link", "d/up");
     }},
    {"OverADirectory",
     [](TarBuilder& tar, std::string const& outside) {
         tar.dir("link").file("link/x").symlink("link", outside);
     }},
    {"AfterAWhiteout",
     [](TarBuilder& tar, std::string const& outside) { tar.whiteout(".wh.link").symlink("link", outside); }},
    {"HardLinkToALink",
     [](TarBuilder& tar, std::string const& outside) { tar.symlink("s", outside).hard_link("link", "s"); }},
    {"WithinTheTree", [](TarBuilder& tar, std::string const&) { tar.dir("d").symlink("link", "d"); }},
};

struct Action {
    char const* name;
    void (*act)(TarBuilder& tar);
};
constexpr Action kActions[] = {
    {"File", [](TarBuilder& tar) { tar.file("link/file", "overwritten"); }},
    {"NewFile", [](TarBuilder& tar) { tar.file("link/new/deep", "written"); }},
    {"ModeOwnerAndAttributes",
     [](TarBuilder& tar) {
         tar.add({.path = "link/file", .mode = 04777, .uid = 7, .xattrs = {{"user.x", "y"}}});
     }},
    {"Directory", [](TarBuilder& tar) { tar.dir("link/sub", 0777); }},
    {"Symlink", [](TarBuilder& tar) { tar.symlink("link/file", "x"); }},
    {"Fifo", [](TarBuilder& tar) { tar.node("link/fifo", AE_IFIFO); }},
    {"Device", [](TarBuilder& tar) { tar.node("link/node", AE_IFCHR); }},
    {"HardLinkInto", [](TarBuilder& tar) { tar.file("a").hard_link("link/a", "a"); }},
    {"HardLinkFrom", [](TarBuilder& tar) { tar.hard_link("mine", "link/file"); }},
    {"Whiteout", [](TarBuilder& tar) { tar.whiteout("link/.wh.file"); }},
    {"WhiteoutBelow", [](TarBuilder& tar) { tar.whiteout("link/sub/.wh.file"); }},
    {"Opaque", [](TarBuilder& tar) { tar.whiteout("link/.wh..wh..opq"); }},
};

class ThroughALink : public test::TreeTest,
                     public ::testing::WithParamInterface<std::tuple<Plant, Action, bool>> {};

TEST_P(ThroughALink, NothingIsDone) {
    auto const& [plant, action, next_layer] = GetParam();
    TarBuilder tar;
    plant.plant(tar, outside());
    if (next_layer) {
        ASSERT_EQ(apply(tar), "");
        tar = TarBuilder();
    }
    action.act(tar);
    EXPECT_NE(apply(tar), "");
    EXPECT_FALSE(exists("mine"));
    finish();
}
INSTANTIATE_TEST_SUITE_P(All, ThroughALink,
                         ::testing::Combine(::testing::ValuesIn(kPlants), ::testing::ValuesIn(kActions),
                                            ::testing::Bool()),
                         [](auto const& tested) {
                             return std::string(std::get<0>(tested.param).name) +
                                    std::get<1>(tested.param).name +
                                    (std::get<2>(tested.param) ? "InTheNextLayer" : "");
                         });

// Else the test above would hold for any layer that is refused.
TEST_F(HostileLayer, ThroughADirectoryAllOfItIsDone) {
    for (auto const& action : kActions) {
        TarBuilder tar;
        tar.dir("link").file("link/file").file("link/sub/file");
        action.act(tar);
        EXPECT_EQ(apply(tar), "") << action.name;
    }
}

TEST_F(HostileLayer, TheLinkItselfIsReplacedNotFollowed) {
    ASSERT_EQ(
        apply(TarBuilder().symlink("f", outside() + "/file").symlink("d", outside()).symlink("w", outside())),
        "");
    ASSERT_EQ(apply(TarBuilder().file("f", "new", 0777).dir("d", 0777).file("d/file").whiteout(".wh.w")), "");
    finish();
    EXPECT_EQ(text("f"), "new");
    EXPECT_THAT(names("d"), ElementsAre("file"));
    EXPECT_THAT(names(), ElementsAre("d", "f"));
}

TEST_F(HostileLayer, PathsAreBelowTheRootOrRefused) {
    ASSERT_EQ(apply(TarBuilder().file("/etc/abs", "in the tree").file("//a//./b", "x")), "");
    EXPECT_EQ(text("etc/abs"), "in the tree");
    for (char const* const name :
         {"..", "../outside/file", "a/../../outside/file", "/../outside/file", "a/..", "x/../y"})
        EXPECT_THAT(apply(TarBuilder().file(name)), HasSubstr("path with \"..\"")) << name;
}

// ---- The root itself. ----

TEST_F(HostileLayer, TheRootIsADirectoryAndNothingElse) {
    for (char const* const name : {".", "./", "/", "//", "././"}) {
        TarBuilder tar;
        tar.dir(name, 0711).last().mtime = 4242;
        ASSERT_EQ(apply(tar), "") << name;
        EXPECT_THAT(apply(TarBuilder().symlink(name, outside())), HasSubstr("the root must be a directory"));
        EXPECT_NE(apply(TarBuilder().hard_link(name, "x")), "");
        EXPECT_NE(apply(TarBuilder().node(name, AE_IFIFO)), "");
        EXPECT_NE(apply(TarBuilder().node(name, AE_IFCHR)), "");
    }
    EXPECT_NE(apply(raw_header({".", '0', octal(0), {}}) + end_of_archive()), "") << "a file";
    finish();
    EXPECT_EQ(test::look_at(root()).st_mode & 07777, 0711u);
    EXPECT_EQ(test::look_at(root()).st_mtim.tv_sec, 4242);
}

// ---- Hard links. ----

TEST_F(HostileLayer, HardLinksLeadToFilesOfTheTreeOrFail) {
    ASSERT_EQ(apply(TarBuilder().file("gone").dir("d")), "");
    EXPECT_NE(apply(TarBuilder().hard_link("h", outside() + "/file")), "") << "absolute";
    EXPECT_THAT(apply(TarBuilder().hard_link("h", "../outside/file")), HasSubstr("\"..\"")) << "upwards";
    EXPECT_NE(apply(TarBuilder().hard_link("h", "later").file("later")), "") << "not there yet";
    EXPECT_NE(apply(TarBuilder().hard_link("h", "h")), "") << "itself";
    EXPECT_NE(apply(TarBuilder().whiteout(".wh.gone").hard_link("h", "gone")), "") << "across a whiteout";
    EXPECT_NE(apply(TarBuilder().hard_link("h", "d")), "") << "a directory";
    EXPECT_NE(apply(TarBuilder().hard_link("h", "/")), "") << "the root";
    EXPECT_FALSE(exists("h"));
}

TEST_F(HostileLayer, FileWrittenOverAHardLinkToALinkIsAFileOfItsOwn) {
    ASSERT_EQ(apply(TarBuilder().symlink("s", outside() + "/file").hard_link("h", "s").file("h", "mine")),
              "");
    EXPECT_EQ(text("h"), "mine");
}

// ---- Nodes and attributes. ----

TEST_F(HostileLayer, NodesOfDevicesAreLeftOutAndTold) {
    TarBuilder tar;
    tar.node("dev/null", AE_IFCHR).node("dev/sda", AE_IFBLK).node("fifo", AE_IFIFO);
    ASSERT_EQ(apply(tar), "");
    EXPECT_THAT(names("dev"), IsEmpty());
    EXPECT_TRUE(S_ISFIFO(test::look_at(path("fifo")).st_mode));
    EXPECT_THAT(warnings_.lines(), ElementsAre(HasSubstr("2 device nodes are left out")));
}

TEST_F(HostileLayer, RootKeepsSetIdBitsOthersLoseThem) {
    TarBuilder tar;
    tar.file("setuid", "x", 06755).dir("setgid", 02775).dir("sticky", 01777);
    for (auto const privilege : {Privilege::kUser, own_privilege()}) {
        replace_writer(privilege);
        ASSERT_EQ(apply(tar), "");
        finish();
        bool const root = privilege == Privilege::kRoot;
        EXPECT_EQ(test::look_at(path("setuid")).st_mode & 07777, root ? 06755u : 0755u);
        EXPECT_EQ(test::look_at(path("setgid")).st_mode & 07777, root ? 02775u : 0775u);
        EXPECT_EQ(test::look_at(path("sticky")).st_mode & 07777, 01777u);
    }
}

TEST_F(HostileLayer, WhoIsNotRootOwnsAllFiles) {
    replace_writer(Privilege::kUser);
    TarBuilder tar;
    tar.add({.path = "f", .uid = 12345, .gid = 54321});
    ASSERT_EQ(apply(tar), "");
    EXPECT_EQ(test::look_at(path("f")).st_uid, ::geteuid());
}

// vfs_cap_data version 2 with CAP_NET_RAW, capabilities(7).
std::string const kNetRaw("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);

TEST_F(HostileLayer, FileCapabilitiesAreKeptByRootAndToldByOthers) {
    TarBuilder tar;
    tar.file("ping").last().xattrs = {{"security.capability", kNetRaw}};
    replace_writer(Privilege::kUser);
    ASSERT_EQ(apply(tar), "");
    EXPECT_THAT(warnings_.lines(), ElementsAre(HasSubstr("1 file capabilities are left out")));
    EXPECT_LT(::getxattr(path("ping").c_str(), "security.capability", nullptr, 0), 0);
    if (::geteuid() != 0) GTEST_SKIP() << "only root can set them";
    replace_writer(Privilege::kRoot);
    ASSERT_EQ(apply(tar), "");
    EXPECT_EQ(::getxattr(path("ping").c_str(), "security.capability", nullptr, 0), 20);
}

TEST_F(HostileLayer, AttributesThatAreNotTheImagesAreLeftOut) {
    TarBuilder tar;
    tar.dir("d").last().xattrs = {
        {"trusted.overlay.opaque", "y"}, {"user.overlay.opaque", "y"}, {"trusted.x", "y"}};
    tar.file("f").last().xattrs = {
        {"security.selinux", "x"}, {"trusted.overlay.redirect", "/"}, {"nonsense", "x"}};
    ASSERT_EQ(apply(tar), "");
    EXPECT_THAT(warnings_.lines(), ElementsAre(HasSubstr("6 extended attributes are left out")));
    for (char const* const name : {"trusted.overlay.opaque", "user.overlay.opaque", "trusted.x"})
        EXPECT_LT(::getxattr(path("d").c_str(), name, nullptr, 0), 0) << name;
}

TEST_F(HostileLayer, AWarningIsAPrintableLineHoweverOftenItIsCalledFor) {
    TarBuilder tar;
    for (int i = 0; i < 1000; ++i) tar.node("dev/\x1b[31m\n" + std::to_string(i), AE_IFCHR);
    ASSERT_EQ(apply(tar), "");
    auto const lines = warnings_.lines();
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_THAT(lines[0], HasSubstr("1000 device nodes"));
    EXPECT_EQ(lines[0].find('\x1b'), lines[0].npos);
}

// ---- Sizes and bounds. ----

// The entry that only a reader sees that believes the wrong one of two sizes.
std::string smuggled() {
    return raw_header({"smuggled", '0', octal(0), {}});
}

TEST_F(HostileLayer, SizeOfTheExtendedHeaderIsTheOneThatCounts) {
    auto const record = pax_record("size", "512");
    ASSERT_EQ(
        apply(pax_header(record) + raw_header({"f", '0', octal(0), {}}) + smuggled() + end_of_archive()), "");
    EXPECT_THAT(names(), ElementsAre("f"));
    EXPECT_EQ(test::look_at(path("f")).st_size, 512);
}

TEST_F(HostileLayer, OfRepeatedRecordsTheLastCounts) {
    auto const records = pax_record("size", "0") + pax_record("path", "first") + pax_record("size", "512") +
                         pax_record("path", "last");
    ASSERT_EQ(
        apply(pax_header(records) + raw_header({"f", '0', octal(0), {}}) + smuggled() + end_of_archive()),
        "");
    EXPECT_THAT(names(), ElementsAre("last"));
}

// Behind a link, a node or a directory the next header follows, whatever the size in its own says: so read
// Go's readers.
TEST_F(HostileLayer, WhatIsNoFileHasNoContent) {
    ASSERT_EQ(apply(TarBuilder().file("target")), "");
    for (char const type : {'1', '2', '3', '4', '5', '6'}) {
        ASSERT_EQ(apply(raw_header({"x", type, octal(512), "target"}) + smuggled() + end_of_archive()), "")
            << type;
        EXPECT_TRUE(exists("smuggled")) << type;
        ASSERT_EQ(apply(TarBuilder().whiteout(".wh.smuggled").whiteout(".wh.x")), "");
    }
}

// pax allows content behind a hard link, and not all readers believe it.
TEST_F(HostileLayer, HardLinkWithContentIsRefused) {
    auto const link = raw_header({"x", '1', octal(512), "target"});
    EXPECT_THAT(apply(TarBuilder().file("target").build().substr(0, 1024) +
                      pax_header(pax_record("comment", "x")) + link + smuggled() + end_of_archive()),
                HasSubstr("content in what is no regular file"));
    EXPECT_FALSE(exists("smuggled"));
}

TEST_F(HostileLayer, ImpossibleSizesAreRefused) {
    std::string const negative(12, '\xff');
    auto huge = std::string("\x80", 1) + std::string(11, '\x7f');
    for (auto const& size : {negative, huge}) {
        EXPECT_NE(apply(raw_header({"f", '0', size, {}}) + end_of_archive()), "");
        EXPECT_FALSE(exists("smuggled"));
    }
    for (char const* const size : {"-1", "99999999999999999999999"})
        EXPECT_NE(apply(pax_header(pax_record("size", size)) + raw_header({"f", '0', octal(600), {}}) +
                        end_of_archive()),
                  "")
            << size;
}

TEST_F(HostileLayer, TruncatedArchivesAreRefusedWhereverTheyEnd) {
    TarBuilder tar;
    tar.file("a/long name that makes an extended header, since it has no end " + std::string(120, 'x'),
             std::string(2000, 'c'));
    auto const whole = tar.build();
    size_t const entries_end = whole.size() - 2 * test::kTarBlock;
    for (size_t len = 1; len < entries_end - test::kTarBlock; len += 101)
        EXPECT_NE(apply(whole.substr(0, len)), "") << len;
}

TEST_F(HostileLayer, DamagedHeaderIsRefused) {
    auto bytes = TarBuilder().file("a").build();
    bytes[0] ^= 1;
    EXPECT_NE(apply(bytes), "");
}

TEST_F(HostileLayer, LongPathsAndNamesAreRefused) {
    EXPECT_THAT(apply(TarBuilder().file(std::string(65536, 'x'))), HasSubstr("path of more than 4096 bytes"));
    EXPECT_THAT(apply(TarBuilder().file(std::string(256, 'x'))), HasSubstr("name of more than 255 bytes"));
    std::string deep;
    for (int i = 0; i < 257; ++i) deep += "d/";
    EXPECT_THAT(apply(TarBuilder().file(deep + "f")), HasSubstr("more than 256 levels deep"));
    EXPECT_THAT(apply(TarBuilder().symlink("l", std::string(5000, 'x'))), HasSubstr("1 to 4095 bytes"));
}

TEST_F(HostileLayer, DeepestTreeIsMadeAndRemoved) {
    std::string deep;
    for (int i = 0; i < 255; ++i) deep += "d/";
    ASSERT_EQ(apply(TarBuilder().file(deep + "f")), "");
    ASSERT_EQ(apply(TarBuilder().whiteout(".wh.d")), "");
    EXPECT_THAT(names(), IsEmpty());
}

TEST_F(HostileLayer, EntriesAreCounted) {
    for (uint64_t i = 2; i < kMaxEntries; ++i) ASSERT_TRUE(budget_.spend_entry("x").ok());
    ASSERT_EQ(apply(TarBuilder().file("directory/file")), "");
    EXPECT_THAT(apply(TarBuilder().file("one too many")), HasSubstr("more than 1000000 files"));
}

TEST_F(HostileLayer, PathsAreBoundedTogetherToo) {
    std::string const path(4000, 'x');
    for (uint64_t i = 0; i < kMaxAllPathsBytes / 4000; ++i) ASSERT_TRUE(budget_.spend_entry(path).ok());
    std::string deep;
    for (int i = 0; i < 10; ++i) deep += std::string(200, 'x') + "/";
    EXPECT_THAT(apply(TarBuilder().dir(deep)), HasSubstr("longer than 268435456 bytes together"));
}

TEST_F(HostileLayer, HolesCountAsContent) {
    auto const tb10 = std::to_string(uint64_t{10} << 40);
    auto const records = pax_record("GNU.sparse.major", "1") + pax_record("GNU.sparse.minor", "0") +
                         pax_record("GNU.sparse.name", "huge") + pax_record("GNU.sparse.realsize", tb10);
    auto const map = padded("1\n" + tb10 + "\n0\n");
    EXPECT_THAT(apply(pax_header(records) + raw_header({"huge", '0', octal(map.size()), {}}) + map +
                      end_of_archive()),
                HasSubstr("more than 1073741824 bytes"));
    EXPECT_FALSE(exists("huge"));
}

TEST_F(HostileLayer, SparseMapBeyondTheFileIsRefused) {
    auto const records = pax_record("GNU.sparse.major", "1") + pax_record("GNU.sparse.minor", "0") +
                         pax_record("GNU.sparse.name", "s") + pax_record("GNU.sparse.realsize", "10");
    auto const map = padded("1\n100\n512\n");
    EXPECT_NE(apply(pax_header(records) + raw_header({"s", '0', octal(map.size() + 512), {}}) + map +
                    std::string(512, 'x') + end_of_archive()),
              "");
}

}  // namespace
}  // namespace krun::image
