// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/notify_relay.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "base/fd.h"
#include "base/fd_passing.h"

namespace krun::runtime {
namespace {

class NotifyRelayTest : public ::testing::Test {
protected:
    struct Heard {
        std::string text;
        std::vector<UniqueFd> fds;
    };
    NotifyRelayTest() {
        auto [ours, managers] = make_socketpair(SOCK_DGRAM).value();
        manager_ = std::move(managers);
        relay_.emplace(loop_, std::move(ours), [this] { ++passed_; });
    }
    // The next message, empty if there is none.
    Heard heard() {
        std::byte text[256];
        auto got = receive_message(manager_.borrow(), text, MSG_DONTWAIT);
        if (!got.ok()) return {};
        return {std::string(reinterpret_cast<char const*>(text), got.value().bytes),
                std::move(got.value().fds)};
    }

    EventLoop loop_ = EventLoop::make().value();
    UniqueFd manager_;
    int passed_ = 0;
    std::optional<NotifyRelay> relay_;
};

TEST_F(NotifyRelayTest, ReadinessNamesTheProcessThatTheManagerKnows) {
    relay_->forward("STATUS=warm\nREADY=1\nMAINPID=7");
    EXPECT_EQ(heard().text, "STATUS=warm\nREADY=1\nMAINPID=" + std::to_string(::getpid()) + "\n");
}

TEST_F(NotifyRelayTest, OtherMessagesPassAsTheyAre) {
    relay_->forward("WATCHDOG=1");
    EXPECT_EQ(heard().text, "WATCHDOG=1\n");
}

TEST_F(NotifyRelayTest, BarrierHasPassedWhenTheManagerLetsGoOfIt) {
    relay_->forward("BARRIER=1");
    auto barrier = heard();
    ASSERT_EQ(barrier.fds.size(), 1u);
    ASSERT_TRUE(loop_.run_once(0).ok());
    EXPECT_EQ(passed_, 0);
    barrier.fds.clear();
    ASSERT_TRUE(loop_.run_once(0).ok());
    EXPECT_EQ(passed_, 1);
}

TEST_F(NotifyRelayTest, SecondBarrierWaitsForNothingOfItsOwn) {
    relay_->forward("BARRIER=1");
    auto const first = heard();
    relay_->forward("BARRIER=1");
    EXPECT_EQ(heard().text, "");
}

TEST_F(NotifyRelayTest, NobodyListens) {
    NotifyRelay deaf(loop_, UniqueFd(), [this] { ++passed_; });
    deaf.forward("READY=1");
    deaf.forward("BARRIER=1");
    ASSERT_TRUE(loop_.run_once(0).ok());
    EXPECT_EQ(passed_, 0);
}

}  // namespace
}  // namespace krun::runtime
