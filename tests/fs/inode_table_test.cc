// SPDX-License-Identifier: Apache-2.0
// What a guest makes the server remember, by itself: it is found, its ids are used once, and a million files
// are small.
#include "fs/passthrough/inode_store.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <fstream>
#include <map>
#include <random>
#include <set>

#include "tests/support/sanitized.h"

namespace krun::fs {
namespace {

struct TableTest : ::testing::Test {
    NodeIds ids;
    NodeIdRange range{ids.claim()};
    FileIdentity const root{1, 1, 1};
};

TEST_F(TableTest, FindsWhatIsThereAndNothingElse) {
    InodeTable table(range, root, S_IFDIR);
    std::map<uint64_t, uint32_t> model;  // inode number → slot
    std::minstd_rand random(5);
    for (int i = 0; i < 100'000; ++i) {
        uint64_t const ino = 2 + random() % 2000;
        FileIdentity const identity{1, 1, ino};
        auto const known = model.find(ino);
        ASSERT_EQ(table.find(identity), known == model.end() ? 0 : known->second);
        if (known == model.end()) {
            model[ino] = table.add(identity, S_IFREG);
        } else if (random() % 2 == 0) {
            table.remove(known->second);
            model.erase(known);
        }
    }
    EXPECT_EQ(table.size(), model.size() + 1);
    for (auto const& [ino, slot] : model) EXPECT_EQ(table.identity_of(slot), (FileIdentity{1, 1, ino}));
}

TEST_F(TableTest, ASlotIsUsedAgainAnIdNever) {
    InodeTable table(range, root, S_IFDIR);
    std::set<uint64_t> seen;
    uint32_t const first = table.add({1, 1, 2}, S_IFREG);
    for (uint32_t slot = first, i = 0; i < 1000; ++i, slot = table.add({1, 1, 2}, S_IFREG)) {
        EXPECT_EQ(slot, first);
        EXPECT_TRUE(seen.insert(static_cast<uint64_t>(table.id_of(slot))).second);
        auto const id = table.id_of(slot);
        EXPECT_EQ(table.slot_of(id), slot);
        table.remove(slot);
        EXPECT_EQ(table.slot_of(id), 0u);
    }
    EXPECT_EQ(table.slot_of(range.root()), InodeRows::kRoot);
}

TEST_F(TableTest, FilesOfSeveralFileSystemsAreSeveralFiles) {
    InodeTable table(range, root, S_IFDIR);
    auto const a = table.add({1, 1, 7}, S_IFREG);
    auto const b = table.add({2, 1, 7}, S_IFREG);
    auto const c = table.add({1, 2, 7}, S_IFREG);
    EXPECT_EQ((std::set{a, b, c}).size(), 3u);
    EXPECT_EQ(table.find({2, 1, 7}), b);
    EXPECT_EQ(table.find({2, 2, 7}), 0u);
}

TEST_F(TableTest, NamesOfAnyLengthComeBack) {
    InodeStore store(range, {4, 1000}, root, S_IFDIR, UniqueFd());
    for (size_t len = 1; len <= 255; ++len) {
        std::string const name(len, static_cast<char>('a' + len % 26));
        auto const node = store.remember({{1, 1, 1 + len}, S_IFREG, range.root(), name, nullptr});
        EXPECT_EQ(store.place(node.value()).value().name, name);
    }
}

TEST_F(TableTest, AFileThatCameWithTheMemoryOfForgottenOnesHasAnIdOfItsOwn) {
    InodeTable table(range, root, S_IFDIR);
    std::set<uint64_t> seen;
    for (int turn = 0; turn < 3; ++turn) {
        std::vector<uint32_t> slots;
        for (uint64_t i = 0; i < 10'000; ++i) slots.push_back(table.add({1, 1, 2 + i}, S_IFREG));
        for (auto const slot : slots) {
            EXPECT_TRUE(seen.insert(static_cast<uint64_t>(table.id_of(slot))).second);
            EXPECT_EQ(table.slot_of(table.id_of(slot)), slot);
        }
        for (auto const slot : slots) table.remove(slot);
    }
    for (auto const id : seen) EXPECT_EQ(table.slot_of(NodeId{id}), 0u);
    EXPECT_EQ(table.size(), 1u);
}

size_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    size_t all = 0, resident = 0;
    statm >> all >> resident;
    return resident * 4096;
}

// A walk over a tree of a thousand directories.
TEST_F(TableTest, AMillionFilesAreRememberedIn64MiBWhichTheHostHasAgainWhenTheyAreForgotten) {
    if (test::kSanitized) GTEST_SKIP() << "skipped: a sanitizer's memory is not ours";
    ::mallopt(M_MMAP_THRESHOLD, 128 << 10);  // as in a container process
    std::vector<NodeId> nodes(1'000'000);
    size_t const before = resident_bytes();
    InodeStore store(range, {4096, size_t{1} << 22}, root, S_IFDIR, UniqueFd());
    NodeId dir{};
    for (uint64_t i = 0; i < nodes.size(); ++i) {
        bool const is_dir = i % 1000 == 0;
        std::string const name = (is_dir ? "dir-" : "file-") + std::to_string(i);
        auto const node = store.remember({{1, 1, 2 + i},
                                          static_cast<mode_t>(is_dir ? S_IFDIR : S_IFREG),
                                          is_dir ? range.root() : dir,
                                          name,
                                          nullptr});
        if (is_dir) dir = node.value();
        nodes[i] = node.value();
    }
    size_t const used = resident_bytes() - before;
    EXPECT_LE(used, size_t{64} << 20);
    std::printf("             %zu bytes a file\n", used / nodes.size());
    for (auto const node : nodes) store.forget(node, 1);
    EXPECT_EQ(store.node_count(), 1u);
    EXPECT_EQ(store.fd_count(), 1u);
    EXPECT_LE(resident_bytes(), before + (size_t{1} << 20));
}

}  // namespace
}  // namespace krun::fs
