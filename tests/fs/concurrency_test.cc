// SPDX-License-Identifier: Apache-2.0
// Several threads at once, as several queues will serve: run under ThreadSanitizer. Each thread checks what
// it alone can know; in the end nothing is left.
#include "tests/fs/passthrough_fixture.h"

#include <thread>

#include "fs/overlay/overlay_fs.h"

namespace krun::test {

using abi::Opcode;

namespace {

// A request of its own, not through FuseClient, whose members are not for several threads.
struct Exchange {
    int error;
    Bytes body;
    template <class T>
    T as(size_t offset = 0) const {
        T out{};
        if (body.size() >= offset + sizeof(T)) std::memcpy(&out, body.data() + offset, sizeof(T));
        return out;
    }
};
Exchange ask(fs::Server& server, Opcode opcode, uint64_t node, Bytes const& in) {
    abi::InHeader const header{
        static_cast<uint32_t>(sizeof(abi::InHeader) + in.size()), opcode, 1, node, 0, 0, 0, 0, 0};
    auto request = args(header, in);
    Bytes space(8192);
    iovec const from{request.data(), request.size()};
    iovec const to{space.data(), space.size()};
    auto const n = server.serve({&from, 1}, {&to, 1});
    abi::OutHeader out{};
    if (n < sizeof out) return {0, {}};
    std::memcpy(&out, space.data(), sizeof out);
    return {-out.error, Bytes(space.begin() + sizeof out, space.begin() + n)};
}

}  // namespace

class Concurrency : public HostTree {};

TEST_F(Concurrency, FilesStayThemselvesUnderEvictionRenamesAndForgets) {
    static constexpr int kThreads = 4;
    static constexpr int kFiles = 8;
    static constexpr int kRounds = 150;
    for (int t = 0; t < kThreads; ++t) {
        outside_.make_dir("export/d" + std::to_string(t));
        for (int i = 0; i < kFiles; ++i)
            write("d" + std::to_string(t) + "/f" + std::to_string(i), std::to_string(t * 100 + i));
    }
    fs::PassthroughOptions options;
    options.max_cached_fds = 4;
    serve(options);
    auto& server = client_->server;

    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t)
        threads.emplace_back([&server, t] {
            for (int round = 0; round < kRounds; ++round) {
                auto const dir =
                    ask(server, Opcode::kLookup, 1, args("d" + std::to_string(t))).as<uint64_t>();
                auto const name = "f" + std::to_string(round % kFiles);
                auto const file = ask(server, Opcode::kLookup, dir, args(name)).as<uint64_t>();
                ask(server, Opcode::kRename, dir, args(abi::RenameIn{dir}, name, "moved"));
                auto const opened = ask(server, Opcode::kOpen, file, args(abi::OpenIn{O_RDONLY, 0}));
                ASSERT_EQ(opened.error, 0) << round;
                auto const fh = opened.as<uint64_t>();
                auto const text = ask(server, Opcode::kRead, file, args(abi::ReadIn{fh, 0, 100, 0, 0, 0, 0}));
                std::string const read(reinterpret_cast<char const*>(text.body.data()), text.body.size());
                ASSERT_EQ(read, std::to_string(t * 100 + round % kFiles));
                ask(server, Opcode::kRelease, file, args(abi::ReleaseIn{fh, 0, 0, 0}));
                ask(server, Opcode::kRename, dir, args(abi::RenameIn{dir}, "moved", name));
                ask(server, Opcode::kForget, file, args(abi::ForgetIn{1}));
                ask(server, Opcode::kForget, dir, args(abi::ForgetIn{1}));
            }
        });
    threads.clear();
    EXPECT_EQ(fs_->node_count(), 1u);
    EXPECT_EQ(fs_->handle_count(), 0u);
}

TEST_F(Concurrency, OneDirectoryHandleIsListedByAll) {
    for (int i = 0; i < 100; ++i) write("f" + std::to_string(i), "");
    fs::NodeIds ids;
    auto tree = open_path(outside_ / "export", O_PATH).value();
    auto inner = fs::Passthrough::make(std::move(tree), fs::open_proc_self_fd().value(), {}, ids).value();
    auto overlay = std::make_unique<fs::OverlayFs>(std::move(inner), ids);
    ASSERT_TRUE(overlay->add_file("/virtual", 0644, fs::Content::owned("x")).ok());
    client_.emplace(std::move(overlay));
    client_->init();
    auto& server = client_->server;
    auto const fh = client_->opendir(1);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&server, fh] {
            for (int round = 0; round < 20; ++round) {
                size_t names = 0;
                for (uint64_t offset = 0;;) {
                    abi::ReadIn const in{fh, offset, 512, 0, 0, 0, 0};
                    auto const reply = ask(server, Opcode::kReaddir, 1, args(in));
                    ASSERT_EQ(reply.error, 0);
                    if (reply.body.empty()) break;
                    for (size_t at = 0; at < reply.body.size(); ++names) {
                        auto const entry = reply.as<abi::Dirent>(at);
                        offset = entry.off;
                        at += (sizeof entry + entry.namelen + 7) & ~size_t{7};
                    }
                }
                ASSERT_EQ(names, 103u);  // 100, the virtual one, "." and ".."
            }
        });
}

TEST_F(Concurrency, NodeIdsAreUniqueAcrossThreads) {
    fs::NodeIds ids;
    fs::NodeIdRange range(ids.claim());
    std::vector<std::vector<fs::NodeId>> taken(4);
    {
        std::vector<std::jthread> threads;
        for (auto& mine : taken)
            threads.emplace_back([&] {
                for (int i = 0; i < 250000; ++i) mine.push_back(range.next());
            });
    }
    std::vector<fs::NodeId> all;
    for (auto const& mine : taken) all.insert(all.end(), mine.begin(), mine.end());
    std::sort(all.begin(), all.end());
    EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
    for (auto const id : {all.front(), all.back()}) {
        EXPECT_TRUE(range.owns(id));
        EXPECT_NE(id, range.root());
    }
}

}  // namespace krun::test
