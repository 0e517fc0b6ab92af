// SPDX-License-Identifier: Apache-2.0
// Each place in the protocol where a guest may write a name, with each name that must not reach a file
// system: only the errno may come back, and the file system must not hear of it.
#include <gtest/gtest.h>

#include "tests/support/fake_fs.h"
#include "tests/support/fuse_client.h"

namespace krun::test {

using abi::Opcode;

namespace {

struct NamePlace {
    char const* what;
    Opcode opcode;
    Bytes (*with)(Bytes const& name);  // `name` is the raw bytes, with its NUL if it has one
};

NamePlace const kPlaces[] = {
    {"LOOKUP", Opcode::kLookup, [](Bytes const& n) { return args(n); }},
    {"SYMLINK", Opcode::kSymlink, [](Bytes const& n) { return args(n, "target"); }},
    {"MKNOD", Opcode::kMknod,
     [](Bytes const& n) {
         return args(abi::MknodIn{0100644, 0, 0, 0}, n);
     }},
    {"MKDIR", Opcode::kMkdir,
     [](Bytes const& n) {
         return args(abi::MkdirIn{0755, 0}, n);
     }},
    {"UNLINK", Opcode::kUnlink, [](Bytes const& n) { return args(n); }},
    {"RMDIR", Opcode::kRmdir, [](Bytes const& n) { return args(n); }},
    {"RENAME old", Opcode::kRename, [](Bytes const& n) { return args(abi::RenameIn{1}, n, "new"); }},
    {"RENAME new", Opcode::kRename, [](Bytes const& n) { return args(abi::RenameIn{1}, "old", n); }},
    {"RENAME2 old", Opcode::kRename2,
     [](Bytes const& n) {
         return args(abi::Rename2In{1, 0, 0}, n, "new");
     }},
    {"RENAME2 new", Opcode::kRename2,
     [](Bytes const& n) {
         return args(abi::Rename2In{1, 0, 0}, "old", n);
     }},
    {"LINK", Opcode::kLink, [](Bytes const& n) { return args(abi::LinkIn{2}, n); }},
    {"CREATE", Opcode::kCreate, [](Bytes const& n) { return args(abi::CreateIn{}, n); }},
};

struct HostileName {
    char const* what;
    std::string name;
    bool terminated;
    int error;
};

HostileName const kNames[] = {
    {"empty", "", true, EINVAL},
    {"dot", ".", true, EINVAL},
    {"dot dot", "..", true, EINVAL},
    {"slash", "/", true, EINVAL},
    {"absolute", "/etc/x", true, EINVAL},
    {"two components", "a/b", true, EINVAL},
    {"parent's", "../x", true, EINVAL},
    {"up and up", "a/../..", true, EINVAL},
    {"trailing slash", "a/", true, EINVAL},
    {"256 bytes", std::string(256, 'n'), true, ENAMETOOLONG},
    {"4096 bytes", std::string(4096, 'n'), true, ENAMETOOLONG},
    {"65535 bytes", std::string(65535, 'n'), true, ENAMETOOLONG},
    {"long and slashed", std::string(300, '/'), true, EINVAL},
};

Bytes raw(std::string_view name, bool terminated) {
    auto const bytes = std::as_bytes(std::span(name));
    Bytes out(bytes.begin(), bytes.end());
    if (terminated) out.push_back(std::byte{0});
    return out;
}

}  // namespace

TEST(HostileNames, NeverReachAFileSystemInAnyPlaceOfAnyOp) {
    auto* const fs = new FakeFs;
    FuseClient client{std::unique_ptr<fs::FileSystem>(fs)};
    client.init();
    for (auto const& place : kPlaces)
        for (auto const& hostile : kNames) {
            auto const reply =
                client.send(place.opcode, 1, place.with(raw(hostile.name, hostile.terminated)));
            EXPECT_EQ(reply.error, hostile.error) << place.what << ", " << hostile.what;
        }
    EXPECT_TRUE(fs->calls.empty()) << fs->calls.front();
}

// Without its NUL a name runs into what follows, or to the end of the request.
TEST(HostileNames, UnterminatedLastNameIsEinval) {
    auto* const fs = new FakeFs;
    FuseClient client{std::unique_ptr<fs::FileSystem>(fs)};
    client.init();
    for (auto const& place : kPlaces) {
        std::string const what = place.what;
        if (what == "SYMLINK" || what.ends_with("old")) continue;  // not the last text of the request
        EXPECT_EQ(client.send(place.opcode, 1, place.with(raw("name", false))).error, EINVAL) << what;
    }
    EXPECT_EQ(client.send(Opcode::kSymlink, 1, args("n", raw("target", false))).error, EINVAL);
    EXPECT_TRUE(fs->calls.empty());
}

TEST(HostileNames, OddButLegalNamesPass) {
    auto* const fs = new FakeFs;
    FuseClient client{std::unique_ptr<fs::FileSystem>(fs)};
    client.init();
    for (std::string const& name : {std::string("..."), std::string(255, 'n'), std::string("\xff\xfe\x80"),
                                    std::string("new\nline"), std::string(" "), std::string("-rf")})
        EXPECT_EQ(client.send(Opcode::kLookup, 1, args(name)).error, 0) << name;
    EXPECT_EQ(fs->calls.size(), 6u);
}

TEST(HostileNames, SymlinkTargetsAreBounded) {
    auto* const fs = new FakeFs;
    FuseClient client{std::unique_ptr<fs::FileSystem>(fs)};
    client.init();
    EXPECT_EQ(client.send(Opcode::kSymlink, 1, args("n", "")).error, ENOENT);
    EXPECT_EQ(client.send(Opcode::kSymlink, 1, args("n", std::string(4096, 't'))).error, ENAMETOOLONG);
    EXPECT_TRUE(fs->calls.empty());
    EXPECT_EQ(client.send(Opcode::kSymlink, 1, args("n", std::string(4095, 't'))).error, 0);
}

TEST(HostileNames, XattrNamesAreBounded) {
    auto* const fs = new FakeFs;
    FuseClient client{std::unique_ptr<fs::FileSystem>(fs)};
    client.init();
    for (std::string const& name : {std::string(), std::string(256, 'x')}) {
        EXPECT_EQ(client.send(Opcode::kGetxattr, 1, args(abi::GetxattrIn{}, name)).error, ERANGE);
        EXPECT_EQ(client.send(Opcode::kSetxattr, 1, args(abi::SetxattrIn{}, name)).error, ERANGE);
        EXPECT_EQ(client.send(Opcode::kRemovexattr, 1, args(name)).error, ERANGE);
    }
    EXPECT_TRUE(fs->calls.empty());
}

}  // namespace krun::test
