// SPDX-License-Identifier: Apache-2.0
// What a guest may add to a tree, in bytes and in names, and when it gets some of that back.
#include <linux/falloc.h>

#include <thread>

#include "tests/fs/passthrough_fixture.h"

namespace krun::test {

using abi::Opcode;

class BudgetOfATree : public HostTree {
protected:
    static constexpr uint64_t kKiB = 1024;
    static constexpr uint64_t kBytes = 256 * kKiB;

    void serve_with(uint64_t bytes, uint64_t files = 1000) {
        fs::PassthroughOptions options;
        options.budget = fs::BudgetLimits{bytes, files};
        serve(options);
    }
    struct File {
        uint64_t node;
        uint64_t fh;
    };
    File make(std::string const& name) {
        auto const& reply =
            client_->note(client_->send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, name)));
        return {reply.as<abi::EntryOut>().nodeid, reply.as<abi::OpenOut>(sizeof(abi::EntryOut)).fh};
    }
    // The errno of writing `bytes` at `offset`.
    int write_at(File const& file, uint64_t offset, uint64_t bytes) {
        client_->write(file.node, file.fh, offset, std::string(bytes, 'x'));
        return client_->error;
    }
    // Bytes that could be written in pieces of 16 KiB before there was no room.
    uint64_t fill(File const& file) {
        uint64_t at = 0;
        while (at < 16 * kBytes && write_at(file, at, 16 * kKiB) == 0) at += 16 * kKiB;
        EXPECT_EQ(client_->error, ENOSPC);
        return at;
    }
    int remove(std::string const& name) { return send(Opcode::kUnlink, 1, args(name)); }
    uint64_t on_disk(std::string const& name) const {
        return static_cast<uint64_t>(host_stat(name).st_blocks) * 512;
    }
};

TEST_F(BudgetOfATree, EndsInEnospcAndIsNotExceeded) {
    serve_with(kBytes);
    auto const file = make("f");
    EXPECT_GE(fill(file), kBytes - 32 * kKiB);
    EXPECT_LE(on_disk("f"), kBytes);
    auto const other = make("g");
    EXPECT_EQ(write_at(other, 0, 64 * kKiB), ENOSPC);
    EXPECT_EQ(fs_->spent().files, 2u);
    EXPECT_EQ(fs_->spent().bytes, on_disk("f") + on_disk("g"));
}

TEST_F(BudgetOfATree, WhatIsThereAlreadyIsNotCountedAndMayBeWrittenAnew) {
    write("old", std::string(2 * kBytes, 'o'));
    serve_with(kBytes);
    auto const node = client_->lookup(1, "old");
    File const old{node, client_->open(node, O_RDWR)};
    EXPECT_EQ(fs_->spent().bytes, 0u);
    fill(make("f"));
    EXPECT_EQ(write_at(old, 0, 2 * kBytes), 0);
    EXPECT_EQ(write_at(old, 2 * kBytes, 64 * kKiB), ENOSPC);
}

TEST_F(BudgetOfATree, AHoleThatIsFilledIsCounted) {
    serve_with(kBytes);
    auto const file = make("f");
    EXPECT_EQ(write_at(file, 16 * kBytes, 4 * kKiB), 0);
    EXPECT_LT(fs_->spent().bytes, kBytes / 2);
    fill(file);
    EXPECT_LE(on_disk("f"), kBytes);
}

TEST_F(BudgetOfATree, ARemovedFileCountsAsLongAsTheGuestHasIt) {
    serve_with(kBytes);
    auto const file = make("f");
    fill(file);
    ASSERT_EQ(remove("f"), 0);
    auto const other = make("g");
    EXPECT_EQ(write_at(other, 0, 64 * kKiB), ENOSPC);
    client_->forget(file.node, 1);  // and has it open
    EXPECT_EQ(write_at(other, 0, 64 * kKiB), ENOSPC);
    client_->release(file.node, file.fh);
    EXPECT_EQ(write_at(other, 0, 64 * kKiB), 0);
}

TEST_F(BudgetOfATree, AFileThatOnlyItsNodeHoldsIsOpenedAgainAndStillCounts) {
    serve_with(kBytes);
    auto const file = make("f");
    fill(file);
    client_->release(file.node, file.fh);
    ASSERT_EQ(remove("f"), 0);
    File const again{file.node, client_->open(file.node, O_RDWR)};
    ASSERT_EQ(client_->error, 0);
    EXPECT_EQ(write_at(again, 8 * kBytes, 64 * kKiB), ENOSPC);
    client_->release(again.node, again.fh);
    EXPECT_EQ(write_at(make("g"), 0, 64 * kKiB), ENOSPC);
    client_->forget(file.node, 1);
    EXPECT_EQ(fs_->spent().bytes, on_disk("g"));
}

TEST_F(BudgetOfATree, EveryNameCounts) {
    serve_with(16 * kBytes, 5);
    auto const file = make("file");
    EXPECT_EQ(send(Opcode::kMkdir, 1, args(abi::MkdirIn{0755, 0}, "dir")), 0);
    EXPECT_EQ(send(Opcode::kMknod, 1, args(abi::MknodIn{S_IFIFO | 0600, 0, 0, 0}, "fifo")), 0);
    EXPECT_EQ(send(Opcode::kSymlink, 1, args("link", "target")), 0);
    EXPECT_EQ(send(Opcode::kLink, 1, args(abi::LinkIn{file.node}, "hard")), 0);
    EXPECT_EQ(fs_->spent().files, 5u);
    for (auto const opcode : {Opcode::kMkdir, Opcode::kSymlink, Opcode::kLink, Opcode::kCreate})
        EXPECT_EQ(send(opcode, 1,
                       opcode == Opcode::kMkdir     ? args(abi::MkdirIn{0755, 0}, "more")
                       : opcode == Opcode::kSymlink ? args("more", "target")
                       : opcode == Opcode::kLink    ? args(abi::LinkIn{file.node}, "more")
                                                    : args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "more")),
                  ENOSPC);
    EXPECT_EQ(send(Opcode::kRmdir, 1, args("dir")), 0);
    EXPECT_EQ(remove("hard"), 0);
    EXPECT_EQ(remove("fifo"), 0);
    client_->forget(client_->lookup(1, "link"), 8);
    EXPECT_EQ(remove("link"), 0);
    EXPECT_EQ(fs_->spent().files, 3u) << "the guest remembers the directory and the fifo";
}

TEST_F(BudgetOfATree, AFileThatIsThereIsOpenedByCreateWhenNothingIsLeft) {
    serve_with(16 * kBytes, 1);
    auto const file = make("file");
    client_->release(file.node, file.fh);
    EXPECT_EQ(send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "file")), 0);
    EXPECT_EQ(send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "more")), ENOSPC);
    EXPECT_EQ(send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR | O_EXCL, 0644, 0, 0}, "file")), ENOSPC);
}

TEST_F(BudgetOfATree, ARenameOverAFileGivesItsRoomBack) {
    serve_with(kBytes);
    auto const file = make("f");
    fill(file);
    client_->release(file.node, file.fh);
    make("g");
    EXPECT_EQ(send(Opcode::kRename, 1, args(abi::RenameIn{1}, "g", "f")), 0);
    client_->forget(file.node, 1);
    EXPECT_LT(fs_->spent().bytes, 4 * kKiB + 1);
    EXPECT_EQ(fs_->spent().files, 1u);
}

TEST_F(BudgetOfATree, WhateverAllocatesIsCounted) {
    serve_with(kBytes);
    auto const file = make("f");
    auto const allocate = [&](uint64_t length, uint32_t mode) {
        return send(Opcode::kFallocate, file.node, args(abi::FallocateIn{file.fh, 0, length, mode, 0}));
    };
    if (allocate(64 * kKiB, FALLOC_FL_KEEP_SIZE) == EOPNOTSUPP) GTEST_SKIP() << "skipped: no fallocate here";
    EXPECT_GE(fs_->spent().bytes, 64 * kKiB);
    EXPECT_EQ(allocate(2 * kBytes, FALLOC_FL_KEEP_SIZE), ENOSPC);
    EXPECT_EQ(allocate(64 * kKiB, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE), 0);
    EXPECT_EQ(fs_->spent().bytes, on_disk("f"));
    write("source", std::string(2 * kBytes, 's'));
    auto const source = client_->lookup(1, "source");
    auto const from = client_->open(source, O_RDONLY);
    auto const copy = [&](uint64_t length) {
        return send(Opcode::kCopyFileRange, source,
                    args(abi::CopyFileRangeIn{from, 0, file.node, file.fh, 0, length, 0}));
    };
    EXPECT_EQ(copy(UINT32_MAX), ENOSPC);
    EXPECT_EQ(copy(64 * kKiB), 0);
    EXPECT_EQ(fs_->spent().bytes, on_disk("f"));
}

TEST_F(BudgetOfATree, ATruncationGivesBack) {
    serve_with(kBytes);
    auto const file = make("f");
    for (bool const by_handle : {true, false}) {
        fill(file);
        abi::SetattrIn in{};
        in.valid = abi::kSetSize | (by_handle ? abi::kSetHandle : 0);
        in.fh = by_handle ? file.fh : 0;
        EXPECT_EQ(send(Opcode::kSetattr, file.node, args(in)), 0);
        EXPECT_EQ(fs_->spent().bytes, on_disk("f"));
    }
    fill(file);
    client_->open(file.node, O_WRONLY | O_TRUNC);
    EXPECT_EQ(fs_->spent().bytes, on_disk("f"));
    EXPECT_LT(fs_->spent().bytes, kBytes / 2);
}

TEST_F(BudgetOfATree, IsWhatStatfsShows) {
    serve_with(kBytes, 10);
    auto const stat = [&] { return client_->note(client_->send(Opcode::kStatfs, 1, {})).as<abi::Kstatfs>(); };
    auto const before = stat();
    EXPECT_EQ(before.blocks * before.frsize, kBytes);
    EXPECT_LE(before.bavail, before.blocks);
    EXPECT_EQ(before.files, 10u);
    EXPECT_EQ(before.ffree, 10u);
    fill(make("f"));
    auto const after = stat();
    EXPECT_LE(after.bavail * after.frsize, 64 * kKiB);
    EXPECT_EQ(after.ffree, 9u);
}

TEST(Budget, WhoLooksFirstDoesNotHaveTheLastWord) {
    fs::Budget budget({1 << 20, 10});
    fs::FileStat stat{};
    stat.identity = {1, 2, 3};
    stat.attr.mode = S_IFREG;
    stat.attr.nlink = 1;
    auto const charge = budget.of_new(stat);
    auto const with_blocks = [&](uint64_t blocks) {
        auto now = stat;
        now.attr.blocks = blocks;
        return fs::FsResult<fs::FileStat>(now);
    };
    int looks = 0;
    budget.settle(*charge, [&] {
        if (++looks > 1) return with_blocks(16);
        budget.settle(*charge, [&] { return with_blocks(16); });  // somebody who wrote meanwhile
        return with_blocks(0);
    });
    EXPECT_EQ(budget.usage().bytes, 16u * 512);
}

TEST_F(BudgetOfATree, IsRightHoweverManyWriteOneFile) {
    serve_with(kBytes);
    auto const file = make("f");
    {
        std::vector<std::jthread> threads;
        for (uint64_t t = 0; t < 4; ++t)
            threads.emplace_back([this, &file, t] {
                std::string text(4 * kKiB, 'x');
                iovec const from{text.data(), text.size()};
                for (uint64_t i = 0; i < 200; ++i) {
                    ignore(fs_->write(fs::NodeId{file.node}, fs::Handle{file.fh},
                                      {(t * 200 + i) % 40 * 4 * kKiB, O_RDWR}, {&from, 1}),
                           "there may be no room");
                    fs::SetAttr cut{};
                    cut.in.valid = abi::kSetSize;
                    cut.in.size = i % 7 * 4 * kKiB;
                    ignore(fs_->setattr(fs::NodeId{file.node}, cut), "the file is there");
                }
            });
    }
    EXPECT_EQ(fs_->spent().bytes, on_disk("f"));
    EXPECT_EQ(fs_->spent().files, 1u);
}

}  // namespace krun::test
