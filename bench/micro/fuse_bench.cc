// SPDX-License-Identifier: Apache-2.0
// One FUSE request through the server, without a queue: what our own code costs beside the host's system
// calls, of which the virtual tree makes none.
#include <benchmark/benchmark.h>
#include <fcntl.h>

#include "base/fd.h"
#include "fs/null/null_fs.h"
#include "fs/overlay/overlay_fs.h"
#include "fs/passthrough/passthrough.h"
#include "tests/support/fuse_client.h"
#include "tests/support/temp_dir.h"

namespace krun {
namespace {

using test::args;
namespace abi = fs::abi;

// Sends the same request again and again; its reply is what is written to.
void serve(benchmark::State& state, test::FuseClient& client, abi::Opcode opcode, uint64_t node,
           test::Bytes const& body) {
    auto request = args(client.header(opcode, node, body.size()), body);
    test::Bytes reply(8192);
    iovec const in{request.data(), request.size()};
    iovec const out{reply.data(), reply.size()};
    for (auto _ : state) benchmark::DoNotOptimize(client.server.serve({&in, 1}, {&out, 1}));
    state.SetItemsProcessed(state.iterations());
}

struct VirtualTree {
    fs::NodeIds ids;
    test::FuseClient client{make()};

    std::unique_ptr<fs::FileSystem> make() {
        auto tree = std::make_unique<fs::OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
        ignore(tree->add_file("/file", 0644, fs::Content::owned("text"), fs::Lifetime::kPersistent),
               "a benchmark of nothing would show");
        return tree;
    }
};

struct HostTree {
    test::TempDir dir;
    fs::NodeIds ids;
    test::FuseClient client{make()};

    std::unique_ptr<fs::FileSystem> make() {
        ignore(open_path(dir / "file", O_WRONLY | O_CREAT, 0644), "a benchmark of nothing would show");
        return fs::Passthrough::make(open_path(dir.path(), O_PATH).value(), fs::open_proc_self_fd().value(),
                                     {}, ids)
            .value();
    }
};

template <class Tree>
void lookup(benchmark::State& state) {
    Tree tree;
    tree.client.init();
    serve(state, tree.client, abi::Opcode::kLookup, abi::kRootId, args("file"));
}
BENCHMARK(lookup<VirtualTree>)->Name("virtual_lookup");
BENCHMARK(lookup<HostTree>)->Name("host_lookup");

template <class Tree>
void getattr(benchmark::State& state) {
    Tree tree;
    tree.client.init();
    serve(state, tree.client, abi::Opcode::kGetattr, tree.client.walk("file"), args(abi::GetattrIn{}));
}
BENCHMARK(getattr<VirtualTree>)->Name("virtual_getattr");
BENCHMARK(getattr<HostTree>)->Name("host_getattr");

}  // namespace
}  // namespace krun
