// SPDX-License-Identifier: Apache-2.0
// V-01: each place of a name, each name that is no component, each kind of directory. V-24, V-29: what is
// legal.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <random>

#include "tests/rawfuse/raw_guest.h"

namespace krun::test {
namespace {

struct Place {
    char const* what;
    Opcode opcode;
    Bytes (*with)(Bytes const& name, uint64_t dir, uint64_t file);
};

Place const kPlaces[] = {
    {"LOOKUP", Opcode::kLookup, [](Bytes const& n, uint64_t, uint64_t) { return args(n); }},
    {"SYMLINK", Opcode::kSymlink, [](Bytes const& n, uint64_t, uint64_t) { return args(n, "target"); }},
    {"MKNOD", Opcode::kMknod,
     [](Bytes const& n, uint64_t, uint64_t) {
         return args(abi::MknodIn{S_IFREG | 0644, 0, 0, 0}, n);
     }},
    {"MKDIR", Opcode::kMkdir,
     [](Bytes const& n, uint64_t, uint64_t) {
         return args(abi::MkdirIn{0755, 0}, n);
     }},
    {"UNLINK", Opcode::kUnlink, [](Bytes const& n, uint64_t, uint64_t) { return args(n); }},
    {"RMDIR", Opcode::kRmdir, [](Bytes const& n, uint64_t, uint64_t) { return args(n); }},
    {"RENAME old", Opcode::kRename,
     [](Bytes const& n, uint64_t dir, uint64_t) { return args(abi::RenameIn{dir}, n, "new"); }},
    {"RENAME new", Opcode::kRename,
     [](Bytes const& n, uint64_t dir, uint64_t) { return args(abi::RenameIn{dir}, "file", n); }},
    {"RENAME2 old", Opcode::kRename2,
     [](Bytes const& n, uint64_t dir, uint64_t) {
         return args(abi::Rename2In{dir, 0, 0}, n, "new");
     }},
    {"RENAME2 new", Opcode::kRename2,
     [](Bytes const& n, uint64_t dir, uint64_t) {
         return args(abi::Rename2In{dir, 0, 0}, "file", n);
     }},
    {"LINK", Opcode::kLink,
     [](Bytes const& n, uint64_t, uint64_t file) { return args(abi::LinkIn{file}, n); }},
    {"CREATE", Opcode::kCreate,
     [](Bytes const& n, uint64_t, uint64_t) {
         return args(abi::CreateIn{O_RDWR, 0644, 0, 0}, n);
     }},
};

Bytes terminated(std::string_view name) {
    return args(name);
}

}  // namespace

using V01 = RawGuest;

TEST_F(V01, NoNameButAComponentReachesTheHost) {
    struct {
        char const* what;
        std::string name;
    } const names[] = {
        {"empty", ""},
        {"dot", "."},
        {"dot dot", ".."},
        {"slash", "/"},
        {"absolute", "/etc/x"},
        {"a canary", canaries_->file()},
        {"two", "dir/file"},
        {"up", "../x"},
        {"up and up", "a/../.."},
        {"up to a canary", "../../canaries/canary-0"},
        {"ends in a slash", "dir/"},
        {"256 bytes", std::string(256, 'n')},
        {"4096 bytes", std::string(4096, 'n')},
        {"65535 bytes", std::string(65535, 'n')},
        {"slashes", std::string(300, '/')},
        {"through a link", "link-up/canary-0"},
    };
    auto const rw = walk("rw"), file = walk("rw/file"), gone = walk("rw/gone");
    send(Opcode::kRmdir, rw, args("gone"));
    uint64_t const dirs[] = {abi::kRootId, rw, walk("rw/dir"), walk("ro"), gone, walk("rw/link-to-dir")};
    // What stands before the name's check may refuse as well: a read-only tree, two trees, a directory that
    // is none.
    for (auto const& place : kPlaces)
        for (auto const& name : names)
            for (uint64_t const dir : dirs)
                expect(std::string(place.what) + " " + name.what, place.opcode, dir,
                       place.with(terminated(name.name), dir, file), {EINVAL, ENAMETOOLONG, EROFS});
    EXPECT_GE(cases, 1000);
}

TEST_F(V01, ANameWithoutItsEndIsNoName) {
    auto const rw = walk("rw"), file = walk("rw/file");
    Bytes const open_ended(8, std::byte{'n'});
    for (auto const& place : kPlaces) {
        std::string const what = place.what;
        if (what == "SYMLINK" || what.ends_with("old")) continue;  // the text after it ends it
        expect(what, place.opcode, rw, place.with(open_ended, rw, file), {EINVAL});
    }
    for (auto const& place : kPlaces) expect(place.what, place.opcode, rw, Bytes{}, {EINVAL});
    EXPECT_GE(cases, 20);
}

// Names through links: each component is looked up on its own, and a link is a link.
TEST_F(V01, ALinkIsNeverFollowed) {
    for (auto const* tree : {"rw", "ro"})
        for (auto const* link : {"link-to-file", "link-to-dir", "link-up"}) {
            auto const node = walk(std::string(tree) + "/" + link);
            EXPECT_NE(node, 0u);
            auto const what = std::string(tree) + "/" + link;
            expect(what + " LOOKUP", Opcode::kLookup, node, args("canary-0"), {ENOTDIR});
            expect(what + " OPEN", Opcode::kOpen, node, args(abi::OpenIn{O_RDONLY, 0}), {ELOOP});
            expect(what + " OPENDIR", Opcode::kOpendir, node, args(abi::OpenIn{}), {ENOTDIR, ELOOP});
            expect(what + " CREATE", Opcode::kCreate, node, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "n"),
                   {ENOTDIR, EROFS});
            expect(what + " UNLINK", Opcode::kUnlink, node, args("canary-0"), {ENOTDIR, EROFS});
            abi::SetattrIn size{};
            size.valid = abi::kSetSize;
            expect(what + " truncate", Opcode::kSetattr, node, args(size), {ELOOP, EROFS});
            abi::SetattrIn mode{};
            mode.valid = abi::kSetMode;
            expect(what + " chmod", Opcode::kSetattr, node, args(mode), {EOPNOTSUPP, EROFS});
        }
    EXPECT_GE(cases, 42);
}

using V24 = RawGuest;

TEST_F(V24, TargetsAreStoredAsTheyAreAndMeanNothingToTheHost) {
    auto const rw = walk("rw");
    for (auto const& target : {canaries_->file(), std::string("/etc/passwd"), std::string("../../canaries"),
                               std::string(4095, 't'), std::string("\xff\xfe"), std::string("a//b/../c")}) {
        auto const reply = send(Opcode::kSymlink, rw, args("l", target));
        expect("SYMLINK", reply, {0});
        auto const text = send(Opcode::kReadlink, reply.as<abi::EntryOut>().nodeid, {}, 8192);
        expect("READLINK", text, {0});
        EXPECT_EQ(text.text(), target);
        expect("UNLINK", Opcode::kUnlink, rw, args("l"), {0});
    }
    expect("empty", Opcode::kSymlink, rw, args("l", ""), {ENOENT});
    expect("4096", Opcode::kSymlink, rw, args("l", std::string(4096, 't')), {ENAMETOOLONG});
    EXPECT_GE(cases, 20);
}

using V29 = RawGuest;

TEST_F(V29, TenThousandOddNamesComeBackAsTheyWere) {
    auto const dir = walk("rw/dir/deep");
    std::minstd_rand random(29);
    std::set<std::string> names;
    while (names.size() < 10'000) {
        std::string name(1 + random() % 255, ' ');
        for (auto& byte : name) byte = static_cast<char>(1 + random() % 255);
        std::replace(name.begin(), name.end(), '/', '_');
        if (name != "." && name != "..") names.insert(name);
    }
    int refused = 0;
    for (auto const& name : names)
        refused += send(Opcode::kMknod, dir, args(abi::MknodIn{S_IFREG | 0644, 0, 0, 0}, name)).error != 0;
    EXPECT_EQ(refused, 0);
    for (auto const opcode : {Opcode::kReaddir, Opcode::kReaddirplus}) {
        auto const fh = send(Opcode::kOpendir, dir, args(abi::OpenIn{})).as<abi::OpenOut>().fh;
        std::set<std::string> listed;
        for (uint64_t offset = 0;;) {
            auto const some = send(opcode, dir, args(abi::ReadIn{fh, offset, 65536, 0, 0, 0, 0}), 65536 + 16);
            if (some.body.empty()) break;
            size_t const entry = opcode == Opcode::kReaddirplus ? sizeof(abi::EntryOut) : 0;
            for (size_t at = 0; at < some.body.size();) {
                auto const dirent = some.as<abi::Dirent>(at + entry);
                listed.insert(some.text().substr(at + entry + sizeof dirent, dirent.namelen));
                at += (entry + sizeof dirent + dirent.namelen + 7) & ~size_t{7};
                offset = dirent.off;
            }
        }
        listed.erase(".");
        listed.erase("..");
        EXPECT_TRUE(listed == names);
        cases += static_cast<int>(listed.size());
    }
    EXPECT_GE(cases, 20'000);
}

}  // namespace krun::test
