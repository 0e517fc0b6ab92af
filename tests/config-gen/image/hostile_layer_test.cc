// SPDX-License-Identifier: Apache-2.0
// Layers that want something outside the root. After each test the directory outside is compared with what it
// was (tree_fixture.h).
#include <ostream>
#include <tuple>

#include "tests/config-gen/image/tree_fixture.h"

namespace krun::image {
namespace {

using test::end_of_archive;
using test::octal;
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
    friend void PrintTo(Plant const& one, std::ostream* out) { *out << one.name; }
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
    friend void PrintTo(Action const& one, std::ostream* out) { *out << one.name; }
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

}  // namespace
}  // namespace krun::image
