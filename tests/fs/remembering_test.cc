// SPDX-License-Identifier: Apache-2.0
// What the server remembers of a guest: bounded descriptors, exact counts, and files that stay themselves
// while names around them change.
#include "tests/fs/passthrough_fixture.h"

#include <sys/resource.h>

#include <random>

namespace krun::test {

using abi::Opcode;

static size_t open_fds() {
    size_t n = 0;
    for (auto const& entry : std::filesystem::directory_iterator("/proc/self/fd")) n += !entry.path().empty();
    return n;
}

class Remembering : public HostTree {
protected:
    void serve_with(size_t cached_fds) {
        fs::PassthroughOptions options;
        options.max_cached_fds = cached_fds;
        serve(options);
    }
};

TEST_F(Remembering, ForgetSaturatesAndDropsTheNode) {
    write("f", "x");
    serve();
    auto const f = client_->lookup(1, "f");
    client_->lookup(1, "f");
    client_->forget(f, 1);
    EXPECT_EQ(fs_->node_count(), 2u);
    client_->forget(f, 0);
    EXPECT_EQ(fs_->node_count(), 2u);
    client_->forget(f, ~uint64_t{0});
    EXPECT_EQ(fs_->node_count(), 1u);
    client_->forget(f, 1);  // unknown by now
    client_->getattr(f);
    EXPECT_EQ(client_->error, ENOENT);
    EXPECT_NE(client_->lookup(1, "f"), f);  // ids are never used again
}

TEST(InodeStore, ANumberGivenOutAgainToAnotherTypeIsAnotherFile) {
    fs::NodeIds ids;
    fs::NodeIdRange range(ids.claim());
    fs::InodeStore store(range, {4, 10}, {1, 1, 1}, S_IFDIR, UniqueFd());
    auto const remember = [&](mode_t type) {
        return store.remember({{1, 1, 2}, type, range.root(), "name", nullptr}).value();
    };
    auto const file = remember(S_IFREG);
    auto const fifo = remember(S_IFIFO);
    EXPECT_NE(fifo, file);
    EXPECT_EQ(store.find(file).value().type, mode_t{S_IFREG});
    EXPECT_EQ(store.find(fifo).value().type, mode_t{S_IFIFO});
    store.forget(file, 1);
    EXPECT_EQ(remember(S_IFIFO), fifo);
}

TEST_F(Remembering, TheRootIsNeverForgotten) {
    serve();
    client_->forget(1, ~uint64_t{0});
    client_->send(Opcode::kBatchForget, 0, args(abi::BatchForgetIn{1, 0}, abi::ForgetOne{1, ~uint64_t{0}}));
    EXPECT_EQ(client_->getattr(1).mode & S_IFMT, static_cast<uint32_t>(S_IFDIR));
}

TEST_F(Remembering, DestroyDropsNodesAndHandles) {
    write("f", "x");
    outside_.make_dir("export/a/b/c");
    serve();
    client_->open(client_->walk("f"), O_RDONLY);
    client_->opendir(client_->walk("a/b/c"));
    client_->send(Opcode::kDestroy, 0, {});
    EXPECT_EQ(fs_->node_count(), 1u);
    EXPECT_EQ(fs_->handle_count(), 0u);
    EXPECT_EQ(fs_->cached_fd_count(), 1u);
}

TEST_F(Remembering, ManyFilesCostFewDescriptors) {
    for (int d = 0; d < 20; ++d) {
        outside_.make_dir("export/d" + std::to_string(d));
        for (int i = 0; i < 100; ++i)
            write("d" + std::to_string(d) + "/f" + std::to_string(i), std::to_string(i));
    }
    serve_with(16);
    auto const before = open_fds();
    std::vector<std::pair<uint64_t, int>> files;
    for (int d = 0; d < 20; ++d) {
        auto const dir = client_->lookup(1, "d" + std::to_string(d));
        EXPECT_EQ(client_->names(dir, 4096, true).size(), 100u);
        for (int i = 0; i < 100; ++i) files.emplace_back(client_->lookup(dir, "f" + std::to_string(i)), i);
    }
    EXPECT_LE(fs_->cached_fd_count(), 17u);
    EXPECT_LE(open_fds(), before + 16);
    EXPECT_EQ(fs_->node_count(), 2021u);
    std::shuffle(files.begin(), files.end(), std::minstd_rand(3));
    for (auto const& [node, i] : files) ASSERT_EQ(client_->cat(node), std::to_string(i));
    EXPECT_LE(open_fds(), before + 16);
}

// What a guest does that walks a large tree, where the process may open no more than most programs may.
TEST_F(Remembering, AWalkOverFiftyThousandFilesStaysWithinALimitOf1024Descriptors) {
    for (int d = 0; d < 50; ++d) {
        outside_.make_dir("export/d" + std::to_string(d));
        for (int i = 0; i < 1000; ++i) {
            auto const path = at("d" + std::to_string(d) + "/" + std::to_string(i));
            ASSERT_EQ(::mknod(path.c_str(), S_IFREG | 0644, 0), 0);
        }
    }
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit const few{1024, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    serve();
    auto const base = open_fds();
    std::vector<uint64_t> nodes;
    for (int d = 0; d < 50; ++d) {
        nodes.push_back(client_->lookup(1, "d" + std::to_string(d)));
        for (auto const& one : client_->list(nodes.back(), 65536, true))
            if (one.entry.nodeid != 0) nodes.push_back(one.entry.nodeid);
    }
    EXPECT_EQ(nodes.size(), 50'050u);
    EXPECT_EQ(fs_->node_count(), 50'051u);
    // Each is opened once: more than there may be descriptors.
    for (auto const node : nodes) ASSERT_NE(client_->getattr(node).nlink, 0u);
    EXPECT_LE(open_fds(), base + 1024 / 8);
    for (auto const node : nodes) client_->forget(node, 1);
    EXPECT_EQ(fs_->node_count(), 1u);
    EXPECT_EQ(open_fds(), base);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(Remembering, RunningOutOfDescriptorsIsNotTheGuestsTrouble) {
    for (int i = 0; i < 200; ++i) write("f" + std::to_string(i), std::to_string(i));
    serve();
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit const few{open_fds() + 10, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    for (int i = 0; i < 200; ++i) {
        auto const node = client_->lookup(1, "f" + std::to_string(i));
        EXPECT_EQ(client_->error, 0) << i;
        EXPECT_EQ(client_->cat(node), std::to_string(i));
    }
    EXPECT_EQ(client_->names(1, 4096, true).size(), 200u);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(Remembering, ListingWithAttributesOpensNothing) {
    for (int i = 0; i < 200; ++i) write("f" + std::to_string(i), "");
    serve();
    EXPECT_EQ(client_->names(1, 65536, true).size(), 200u);
    EXPECT_EQ(fs_->node_count(), 201u);
    EXPECT_EQ(fs_->cached_fd_count(), 1u);
}

TEST_F(Remembering, EvictedFilesAreFoundAfterTheGuestMovedThem) {
    outside_.make_dir("export/a/b");
    outside_.make_dir("export/other");
    write("a/b/f", "f");
    serve_with(1);
    auto const a = client_->walk("a");
    auto const b = client_->walk("a/b");
    auto const f = client_->walk("a/b/f");
    auto const other = client_->walk("other");
    ASSERT_EQ(send(Opcode::kRename, a, args(abi::RenameIn{other}, "b", "moved")), 0);  // a directory above it
    client_->lookup(1, "a");                                                           // evicts
    EXPECT_EQ(client_->cat(f), "f");
    ASSERT_EQ(send(Opcode::kRename, b, args(abi::RenameIn{1}, "f", "g")), 0);  // the file itself
    client_->lookup(1, "a");
    EXPECT_EQ(client_->cat(f), "f");
    EXPECT_EQ(client_->walk("g"), f);
}

TEST_F(Remembering, ExchangedFilesStayThemselves) {
    write("a", "a");
    write("b", "b");
    write("c", "c");
    serve_with(1);
    auto const a = client_->walk("a");
    auto const b = client_->walk("b");
    ASSERT_EQ(send(Opcode::kRename2, 1, args(abi::Rename2In{1, 2, 0}, "a", "b")), 0);
    client_->walk("c");
    EXPECT_EQ(client_->cat(a), "a");
    client_->walk("c");
    EXPECT_EQ(client_->cat(b), "b");
}

TEST_F(Remembering, UnlinkedFilesLiveUntilForgotten) {
    write("f", "still here");
    for (int i = 0; i < 10; ++i) write("other" + std::to_string(i), "x");
    serve_with(2);
    auto const f = client_->walk("f");
    ASSERT_EQ(send(Opcode::kUnlink, 1, args("f")), 0);
    for (int i = 0; i < 10; ++i) client_->walk("other" + std::to_string(i));  // evict all that can be
    EXPECT_EQ(client_->cat(f), "still here");
    EXPECT_EQ(client_->getattr(f).nlink, 0u);
    client_->forget(f, 1);
    client_->getattr(f);
    EXPECT_EQ(client_->error, ENOENT);
}

TEST_F(Remembering, AReplacedFileLivesUntilForgotten) {
    write("old", "old");
    write("new", "new");
    for (int i = 0; i < 10; ++i) write("other" + std::to_string(i), "x");
    serve_with(2);
    auto const old_node = client_->walk("old");
    auto const new_node = client_->walk("new");
    ASSERT_EQ(send(Opcode::kRename, 1, args(abi::RenameIn{1}, "new", "old")), 0);
    for (int i = 0; i < 10; ++i) client_->walk("other" + std::to_string(i));
    EXPECT_EQ(client_->cat(old_node), "old");
    EXPECT_EQ(client_->cat(new_node), "new");
    EXPECT_EQ(client_->walk("old"), new_node);
}

TEST_F(Remembering, AnotherNameOfAnUnlinkedFileIsFoundAgain) {
    write("f", "x");
    write("other", "y");
    ASSERT_EQ(::link(at("f").c_str(), at("g").c_str()), 0);
    serve_with(1);
    auto const node = client_->walk("g");
    EXPECT_EQ(client_->walk("f"), node);  // goes by "f" now
    ASSERT_EQ(send(Opcode::kUnlink, 1, args("f")), 0);
    client_->walk("other");
    EXPECT_EQ(client_->walk("g"), node);
    client_->walk("other");
    EXPECT_EQ(client_->cat(node), "x");
}

TEST_F(Remembering, AFileReplacedBehindTheServersBackIsEstaleNotTheOther) {
    write("f", "mine");
    write("other", "x");
    serve_with(1);
    auto const f = client_->walk("f");
    client_->walk("other");  // evicts f
    write("new", "not mine");
    ASSERT_EQ(::rename(at("new").c_str(), at("f").c_str()), 0);
    client_->cat(f);
    EXPECT_EQ(client_->error, ESTALE);
    EXPECT_EQ(client_->cat(client_->walk("f")), "not mine");
}

TEST_F(Remembering, AForgottenParentStillLeadsToItsChildren) {
    outside_.make_dir("export/a/b");
    write("a/b/f", "f");
    write("other", "x");
    serve_with(1);
    auto const a = client_->walk("a");
    auto const b = client_->walk("a/b");
    auto const f = client_->walk("a/b/f");
    client_->forget(a, 100);
    client_->forget(b, 100);
    client_->walk("other");
    EXPECT_EQ(client_->cat(f), "f");
    client_->forget(f, 100);
    client_->forget(client_->walk("other"), 100);
    EXPECT_EQ(fs_->node_count(), 1u);  // and nothing is left of them in the end
}

TEST_F(Remembering, NodesAreBounded) {
    for (int i = 0; i < 10; ++i) write("f" + std::to_string(i), "");
    fs::PassthroughOptions options;
    options.max_nodes = 5;
    serve(options);
    for (int i = 0; i < 4; ++i) EXPECT_NE(client_->lookup(1, "f" + std::to_string(i)), 0u);
    client_->lookup(1, "f9");
    EXPECT_EQ(client_->error, ENFILE);
    EXPECT_EQ(client_->names(1, 4096, true).size(), 10u);  // listed all the same, without attributes
}

TEST_F(Remembering, AThousandRoundsLeaveNothingBehind) {
    write("f", "x");
    outside_.make_dir("export/d");
    serve();
    auto const fds = open_fds();
    for (int i = 0; i < 1000; ++i) {
        auto const f = client_->lookup(1, "f");
        client_->cat(f);
        client_->list(1, 4096, true);
        client_->open(1, O_RDONLY);  // a directory
        client_->lookup(f, "x");
        auto const d = client_->lookup(1, "d");
        client_->list(d);
        client_->forget(d, 100);
        client_->forget(f, 100);
    }
    EXPECT_EQ(fs_->node_count(), 1u);
    EXPECT_EQ(fs_->handle_count(), 0u);
    EXPECT_EQ(open_fds(), fds);
}

}  // namespace krun::test
