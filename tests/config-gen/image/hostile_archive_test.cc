// SPDX-License-Identifier: Apache-2.0
// Archives that say different things to different readers, that end too early, or that hold more than there
// is room for.
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

using HostileArchive = test::TreeTest;

// The entry that only a reader sees that believes the wrong one of two sizes.
std::string smuggled() {
    return raw_header({"smuggled", '0', octal(0), {}});
}

TEST_F(HostileArchive, SizeOfTheExtendedHeaderIsTheOneThatCounts) {
    auto const record = pax_record("size", "512");
    ASSERT_EQ(
        apply(pax_header(record) + raw_header({"f", '0', octal(0), {}}) + smuggled() + end_of_archive()), "");
    EXPECT_THAT(names(), ElementsAre("f"));
    EXPECT_EQ(test::look_at(path("f")).st_size, 512);
}

TEST_F(HostileArchive, OfRepeatedRecordsTheLastCounts) {
    auto const records = pax_record("size", "0") + pax_record("path", "first") + pax_record("size", "512") +
                         pax_record("path", "last");
    ASSERT_EQ(
        apply(pax_header(records) + raw_header({"f", '0', octal(0), {}}) + smuggled() + end_of_archive()),
        "");
    EXPECT_THAT(names(), ElementsAre("last"));
}

// Behind a link, a node or a directory the next header follows, whatever the size in its own says: so read
// Go's readers.
TEST_F(HostileArchive, WhatIsNoFileHasNoContent) {
    ASSERT_EQ(apply(TarBuilder().file("target")), "");
    for (char const type : {'1', '2', '3', '4', '5', '6'}) {
        ASSERT_EQ(apply(raw_header({"x", type, octal(512), "target"}) + smuggled() + end_of_archive()), "")
            << type;
        EXPECT_TRUE(exists("smuggled")) << type;
        ASSERT_EQ(apply(TarBuilder().whiteout(".wh.smuggled").whiteout(".wh.x")), "");
    }
}

// pax allows content behind a hard link, and not all readers believe it.
TEST_F(HostileArchive, HardLinkWithContentIsRefused) {
    auto const link = raw_header({"x", '1', octal(512), "target"});
    EXPECT_THAT(apply(TarBuilder().file("target").build().substr(0, 1024) +
                      pax_header(pax_record("comment", "x")) + link + smuggled() + end_of_archive()),
                HasSubstr("content in what is no regular file"));
    EXPECT_FALSE(exists("smuggled"));
}

TEST_F(HostileArchive, ImpossibleSizesAreRefused) {
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

TEST_F(HostileArchive, TruncatedArchivesAreRefusedWhereverTheyEnd) {
    TarBuilder tar;
    tar.file("a/long name that makes an extended header, since it has no end " + std::string(120, 'x'),
             std::string(2000, 'c'));
    auto const whole = tar.build();
    size_t const entries_end = whole.size() - 2 * test::kTarBlock;
    for (size_t len = 1; len < entries_end - test::kTarBlock; len += 101)
        EXPECT_NE(apply(whole.substr(0, len)), "") << len;
}

TEST_F(HostileArchive, DamagedHeaderIsRefused) {
    auto bytes = TarBuilder().file("a").build();
    bytes[0] ^= 1;
    EXPECT_NE(apply(bytes), "");
}

TEST_F(HostileArchive, LongPathsAndNamesAreRefused) {
    EXPECT_THAT(apply(TarBuilder().file(std::string(65536, 'x'))), HasSubstr("path of more than 4096 bytes"));
    EXPECT_THAT(apply(TarBuilder().file(std::string(256, 'x'))), HasSubstr("name of more than 255 bytes"));
    std::string deep;
    for (int i = 0; i < 257; ++i) deep += "d/";
    EXPECT_THAT(apply(TarBuilder().file(deep + "f")), HasSubstr("more than 256 levels deep"));
    EXPECT_THAT(apply(TarBuilder().symlink("l", std::string(5000, 'x'))), HasSubstr("1 to 4095 bytes"));
}

TEST_F(HostileArchive, DeepestTreeIsMadeAndRemoved) {
    std::string deep;
    for (int i = 0; i < 255; ++i) deep += "d/";
    ASSERT_EQ(apply(TarBuilder().file(deep + "f")), "");
    ASSERT_EQ(apply(TarBuilder().whiteout(".wh.d")), "");
    EXPECT_THAT(names(), IsEmpty());
}

TEST_F(HostileArchive, EntriesAreCounted) {
    for (uint64_t i = 2; i < kMaxEntries; ++i) ASSERT_TRUE(budget_.spend_entry("x").ok());
    ASSERT_EQ(apply(TarBuilder().file("directory/file")), "");
    EXPECT_THAT(apply(TarBuilder().file("one too many")), HasSubstr("more than 1000000 files"));
}

TEST_F(HostileArchive, PathsAreBoundedTogetherToo) {
    std::string const path(4000, 'x');
    for (uint64_t i = 0; i < kMaxAllPathsBytes / 4000; ++i) ASSERT_TRUE(budget_.spend_entry(path).ok());
    std::string deep;
    for (int i = 0; i < 10; ++i) deep += std::string(200, 'x') + "/";
    EXPECT_THAT(apply(TarBuilder().dir(deep)), HasSubstr("longer than 268435456 bytes together"));
}

TEST_F(HostileArchive, HolesCountAsContent) {
    auto const tb10 = std::to_string(uint64_t{10} << 40);
    auto const records = pax_record("GNU.sparse.major", "1") + pax_record("GNU.sparse.minor", "0") +
                         pax_record("GNU.sparse.name", "huge") + pax_record("GNU.sparse.realsize", tb10);
    auto const map = padded("1\n" + tb10 + "\n0\n");
    EXPECT_THAT(apply(pax_header(records) + raw_header({"huge", '0', octal(map.size()), {}}) + map +
                      end_of_archive()),
                HasSubstr("more than 1073741824 bytes"));
    EXPECT_FALSE(exists("huge"));
}

TEST_F(HostileArchive, SparseMapBeyondTheFileIsRefused) {
    auto const records = pax_record("GNU.sparse.major", "1") + pax_record("GNU.sparse.minor", "0") +
                         pax_record("GNU.sparse.name", "s") + pax_record("GNU.sparse.realsize", "10");
    auto const map = padded("1\n100\n512\n");
    EXPECT_NE(apply(pax_header(records) + raw_header({"s", '0', octal(map.size() + 512), {}}) + map +
                    std::string(512, 'x') + end_of_archive()),
              "");
}

}  // namespace
}  // namespace krun::image
