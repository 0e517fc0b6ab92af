// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/bound_sockets.h"

#include <unistd.h>

#include <filesystem>

#include "fs/passthrough/passthrough.h"
#include "tests/support/temp_dir.h"
#include "tests/support/unix_server.h"

namespace krun::runtime {
namespace {

// A socket of the host's, bind source 3, and a guest that keeps what it is given.
class BoundSocketsTest : public ::testing::Test {
protected:
    BoundSocketsTest() {
        std::vector<BoundSocket> sockets;
        sockets.push_back({3, open_path(dir_ / "s", O_PATH).value()});
        sockets_ = BoundSockets::make(loop_, std::move(sockets), fs::open_proc_self_fd().value(),
                                      [this](uint32_t connection, UniqueFd socket) -> Result<UniqueFd> {
                                          auto [over, done] = TRY(make_pipe());
                                          given_.push_back({connection, std::move(socket), std::move(done)});
                                          return std::move(over);
                                      })
                       .value();
    }
    UniqueFd accepted() {
        return UniqueFd(::accept4(server_.borrow().raw(), nullptr, nullptr, SOCK_CLOEXEC));
    }

    struct Given {
        uint32_t connection;
        UniqueFd socket;
        UniqueFd done;
    };
    test::TempDir dir_;
    UniqueFd server_ = test::unix_listener(dir_ / "s");
    EventLoop loop_ = EventLoop::make().value();
    std::vector<Given> given_;
    std::unique_ptr<BoundSockets> sockets_;
};

TEST_F(BoundSocketsTest, GuestGetsAConnectionToTheHostsServer) {
    ASSERT_TRUE(sockets_->connect(7, 3).ok());
    ASSERT_EQ(given_.size(), 1u);
    EXPECT_EQ(given_[0].connection, 7u);
    auto const server_side = accepted();
    ASSERT_TRUE(server_side.valid());
    ASSERT_TRUE(write_full(server_side.borrow(), "hello").ok());
    char text[6] = {};
    EXPECT_EQ(::read(given_[0].socket.borrow().raw(), text, 5), 5);
    EXPECT_STREQ(text, "hello");
}

TEST_F(BoundSocketsTest, DescriptorCountsAndNotTheName) {
    ::rename((dir_ / "s").c_str(), (dir_ / "moved").c_str());
    auto const other = test::unix_listener(dir_ / "s");
    ASSERT_TRUE(sockets_->connect(1, 3).ok());
    EXPECT_TRUE(accepted().valid());
    EXPECT_LT(::accept4(other.borrow().raw(), nullptr, nullptr, SOCK_CLOEXEC), 0);
}

TEST_F(BoundSocketsTest, WorkingDirectoryIsAsBefore) {
    auto const before = std::filesystem::current_path();
    ASSERT_TRUE(sockets_->connect(1, 3).ok());
    EXPECT_EQ(std::filesystem::current_path(), before);
    server_.reset();
    EXPECT_FALSE(sockets_->connect(2, 3).ok());
    EXPECT_EQ(std::filesystem::current_path(), before);
}

TEST_F(BoundSocketsTest, SocketThatNobodyListensOnOrThatIsNotThereIsRefused) {
    EXPECT_FALSE(sockets_->connect(1, 4).ok()) << "no such bind source";
    server_.reset();
    EXPECT_FALSE(sockets_->connect(1, 3).ok());
    EXPECT_TRUE(given_.empty());
}

TEST_F(BoundSocketsTest, GuestCannotHaveMoreThanTheLimitAndGetsNewOnesWhenOldOnesEnd) {
    for (uint32_t i = 0; i < BoundSockets::kMaxConnections; ++i) {
        ASSERT_TRUE(sockets_->connect(i, 3).ok()) << i;
        ASSERT_TRUE(accepted().valid());
    }
    EXPECT_FALSE(sockets_->connect(1000, 3).ok());
    given_.erase(given_.begin());
    ASSERT_TRUE(loop_.run_once(1000).ok());
    EXPECT_TRUE(sockets_->connect(1001, 3).ok());
}

}  // namespace
}  // namespace krun::runtime
