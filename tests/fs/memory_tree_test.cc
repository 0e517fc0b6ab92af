// SPDX-License-Identifier: Apache-2.0
// A tree on tmpfs, which writes of many parts reach in pieces.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <vector>

#include "fs/passthrough/passthrough.h"
#include "tests/support/temp_dir.h"

namespace krun::fs {
namespace {

constexpr size_t kPartBytes = 4096, kParts = 100;

class MemoryTree : public ::testing::Test {
protected:
    void SetUp() override {
        if (!kind_of(dir_.fd()).is_memory) GTEST_SKIP() << "skipped: /dev/shm is no tmpfs";
        auto tree = open_path(dir_.path(), O_PATH).value();
        tree_ = Passthrough::make(std::move(tree), open_proc_self_fd().value(), {}, ids_).value();
        auto const made = tree_->create({0, 0}, tree_->root(), "f", {.flags = O_RDWR, .mode = 0600});
        ASSERT_TRUE(made.ok());
        node_ = made.value().entry.node;
        handle_ = made.value().opened.handle;
        for (size_t i = 0; i < kParts; ++i) {
            text_.append(kPartBytes, static_cast<char>('a' + i % 26));
            // In another order than in the file, as pages of a guest are.
            parts_.push_back({memory_.data() + (i * 37 % kParts) * kPartBytes, kPartBytes});
            std::fill_n(static_cast<char*>(parts_.back().iov_base), kPartBytes, text_.back());
        }
    }
    std::string on_host() const {
        std::ifstream file(dir_ / "f", std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(file), {});
    }

    test::TempDir dir_{"/dev/shm"};
    NodeIds ids_;
    std::unique_ptr<Passthrough> tree_;
    NodeId node_{};
    Handle handle_{};
    std::string memory_ = std::string(kParts * kPartBytes, '\0');
    std::string text_;
    std::vector<iovec> parts_;
};

TEST_F(MemoryTree, AWriteOfManyPartsIsWhole) {
    auto const written = tree_->write(node_, handle_, {3, O_RDWR}, parts_);
    ASSERT_TRUE(written.ok());
    EXPECT_EQ(written.value(), text_.size());
    EXPECT_EQ(on_host(), std::string(3, '\0') + text_);
}

TEST_F(MemoryTree, AWriteThatFindsNoRoomTellsHowFarItCame) {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    constexpr size_t kRoom = 20 * kPartBytes + 100;
    rlimit const room{kRoom, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &room), 0);
    auto const written = tree_->write(node_, handle_, {0, O_RDWR}, parts_);
    auto const beyond = tree_->write(node_, handle_, {kRoom, O_RDWR}, parts_);
    ::setrlimit(RLIMIT_FSIZE, &before);
    ASSERT_TRUE(written.ok());
    EXPECT_EQ(written.value(), kRoom);
    EXPECT_EQ(on_host(), text_.substr(0, kRoom));
    ASSERT_FALSE(beyond.ok());
    EXPECT_EQ(beyond.error().value, EFBIG);
}

}  // namespace
}  // namespace krun::fs
