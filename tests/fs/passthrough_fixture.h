// SPDX-License-Identifier: Apache-2.0
// A host tree served to a raw client, with a canary beside it that nothing may touch.
#pragma once
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "fs/passthrough/passthrough.h"
#include "tests/support/fuse_client.h"
#include "tests/support/temp_dir.h"

namespace krun::test {

class HostTree : public ::testing::Test {
protected:
    HostTree() {
        outside_.make_dir("export");
        outside_.write("canary", "untouched");
    }
    ~HostTree() override { EXPECT_EQ(read_file(outside_ / "canary", 100).value(), "untouched"); }

    // `name` in the exported tree, as a host path.
    std::string at(std::string_view name) const { return outside_ / "export/" + std::string(name); }
    void write(std::string_view name, std::string_view text) const {
        outside_.write("export/" + std::string(name), text);
    }
    std::string on_host(std::string_view name) const { return read_file(at(name), 1 << 20).value(); }
    struct stat host_stat(std::string_view name) const {
        struct stat st {};
        EXPECT_EQ(::lstat(at(name).c_str(), &st), 0) << name;
        return st;
    }

    void serve(fs::PassthroughOptions options = {}) {
        fs::NodeIds ids;
        auto tree = open_path(outside_ / "export", O_PATH).value();
        auto made = fs::Passthrough::make(std::move(tree), fs::open_proc_self_fd().value(), options, ids);
        ASSERT_TRUE(made.ok());
        auto fs = std::move(made).value();
        fs_ = fs.get();
        client_.emplace(std::move(fs));
        client_->init();
    }
    void serve_as_sole_writer() {
        fs::PassthroughOptions options;
        options.sharing = fs::Sharing::kSoleWriter;
        serve(options);
    }
    void serve_as_visited() {
        fs::PassthroughOptions options;
        options.sharing = fs::Sharing::kVisited;
        serve(options);
    }
    int send(abi::Opcode opcode, uint64_t node, Bytes const& in) {
        return client_->note(client_->send(opcode, node, in)).error;
    }

    TempDir outside_;
    fs::Passthrough* fs_ = nullptr;  // owned by the client's server
    std::optional<FuseClient> client_;
};

}  // namespace krun::test
