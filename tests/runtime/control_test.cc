// SPDX-License-Identifier: Apache-2.0
#include "runtime/control.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <thread>

#include "base/fd.h"
#include "runtime/control_server.h"
#include "runtime/control_wire.h"
#include "runtime/end_reason.h"

namespace krun::runtime {
namespace {

class ControlTest : public testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/krun-control-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        path_ = name;
        // Deeper than sun_path can hold: engines nest state directories like this.
        for (int i = 0; i < 3; ++i) {
            path_ += "/" + std::string(60, 'd');
            ASSERT_EQ(::mkdir(path_.c_str(), 0700), 0);
        }
        dir_ = std::move(open_path(path_, O_RDONLY | O_DIRECTORY)).value();
    }
    void TearDown() override {
        ignore(::system(("rm -rf " + path_.substr(0, 24)).c_str()), "a temporary directory");
    }

    // Serves one request on a thread of its own with `handler`.
    void serve(ControlServer::Handler handler) {
        server_thread_ = std::jthread([this, handler = std::move(handler)] {
            auto loop = EventLoop::make().value();
            auto server = ControlServer::make(loop, bind_control_socket(dir_.borrow()).value(),
                                              [&](ControlRequest const& request, ControlServer::Reply reply) {
                                                  handler(request, std::move(reply));
                                                  loop.stop();
                                              })
                              .value();
            ready_.store(true);
            ASSERT_TRUE(loop.run().ok());
        });
        while (!ready_.load()) std::this_thread::yield();
    }

    std::string path_;
    UniqueFd dir_;
    std::atomic<bool> ready_ = false;
    std::jthread server_thread_;
};

TEST_F(ControlTest, RequestArrivesAndSuccessComesBack) {
    ControlRequest seen{};
    serve([&](ControlRequest const& request, ControlServer::Reply const& reply) {
        seen = request;
        reply({});
    });
    EXPECT_TRUE(control_request(dir_.borrow(), {ControlOp::kSignal, 37}).ok());
    server_thread_.join();
    EXPECT_EQ(seen.op, ControlOp::kSignal);
    EXPECT_EQ(seen.argument, 37U);
}

TEST_F(ControlTest, ErrorComesBackWithItsKindAndText) {
    serve([](ControlRequest const&, ControlServer::Reply const& reply) {
        reply(fail(Error(Errc::kBadState, "cannot start an already running container")));
    });
    auto const result = control_request(dir_.borrow(), {ControlOp::kStart});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), Errc::kBadState);
    EXPECT_EQ(result.error().message(), "cannot start an already running container");
}

TEST_F(ControlTest, ProcessThatEndsUnansweredIsNotRunning) {
    serve([](ControlRequest const&, ControlServer::Reply const&) {});
    auto const result = control_request(dir_.borrow(), {ControlOp::kStart});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().message(), "container not running");
}

TEST_F(ControlTest, NobodyListeningIsNotRunning) {
    auto const result = control_request(dir_.borrow(), {ControlOp::kSignal, 15});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), Errc::kBadState);
    EXPECT_EQ(result.error().message(), "container not running");
}

TEST(ControlWire, LongErrorTextIsCut) {
    auto const message = encode_result(fail(Error(Errc::kSystem, std::string(100000, 'x'))));
    EXPECT_EQ(message.size(), kMaxWireResultBytes);
}

TEST(ControlWire, SilenceIsTheGivenError) {
    auto const result = decode_result({}, Error(Errc::kInternal, "it ended"));
    EXPECT_EQ(result.error().message(), "it ended");
}

TEST(ControlWire, UnknownErrorKindIsInternal) {
    std::vector<std::byte> message(4, std::byte{0x7F});
    auto const result = decode_result(message, Error(Errc::kInternal, ""));
    EXPECT_EQ(result.error().code(), Errc::kInternal);
}

TEST_F(ControlTest, EndReasonIsReadBackAndEmptyWithoutOne) {
    EXPECT_EQ(read_end_reason(dir_.borrow()), "");
    ASSERT_TRUE(replace_file(dir_.borrow(), kEndReasonName, "the guest kernel panicked", 0600).ok());
    EXPECT_EQ(read_end_reason(dir_.borrow()), "the guest kernel panicked");
}

}  // namespace
}  // namespace krun::runtime
