// SPDX-License-Identifier: Apache-2.0
#include "runtime/control/control.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <thread>

#include "base/fd.h"
#include "runtime/control/control_server.h"
#include "runtime/control/control_wire.h"

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
                                              [&](ControlRequest request, ControlConnection client) {
                                                  handler(std::move(request), std::move(client));
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
    serve([&](ControlRequest request, ControlConnection client) {
        seen = std::move(request);
        client.reply({});
    });
    EXPECT_TRUE(control_request(dir_.borrow(), {ControlOp::kSignal, 37}).ok());
    server_thread_.join();
    EXPECT_EQ(seen.op, ControlOp::kSignal);
    EXPECT_EQ(seen.argument, 37U);
}

TEST_F(ControlTest, TextGoesWithARequestAndComesBackWithSuccess) {
    std::string seen;
    serve([&](ControlRequest request, ControlConnection client) {
        seen = std::move(request.text);
        client.reply({}, "4096\n");
    });
    auto const answer = control_query(dir_.borrow(), {.op = ControlOp::kCgroup, .text = "memory.max"});
    server_thread_.join();
    EXPECT_EQ(seen, "memory.max");
    EXPECT_EQ(answer.value(), "4096\n");
}

TEST_F(ControlTest, ErrorComesBackWithItsKindAndText) {
    serve([](ControlRequest const&, ControlConnection client) {
        client.reply(fail(Error(Errc::kBadState, "cannot start an already running container")));
    });
    auto const result = control_request(dir_.borrow(), {ControlOp::kStart});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), Errc::kBadState);
    EXPECT_EQ(result.error().message(), "cannot start an already running container");
}

TEST_F(ControlTest, ProcessThatEndsUnansweredIsNotRunning) {
    serve([](ControlRequest const&, ControlConnection const&) {});
    auto const result = control_request(dir_.borrow(), {ControlOp::kStart});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), Errc::kNotFound);
    EXPECT_EQ(result.error().message(), "container not running");
}

TEST_F(ControlTest, NobodyListeningIsNotRunning) {
    auto const result = control_request(dir_.borrow(), {ControlOp::kSignal, 15});
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), Errc::kNotFound);
    EXPECT_EQ(result.error().message(), "container not running");
}

TEST_F(ControlTest, DescriptorsComeWithTheRequest) {
    ControlRequest seen{};
    serve([&](ControlRequest request, ControlConnection const&) { seen = std::move(request); });
    auto [read_end, write_end] = make_pipe().value();
    auto const connection = connect_control(dir_.borrow());
    ASSERT_TRUE(connection.ok());
    BorrowedFd const fds[] = {read_end.borrow(), write_end.borrow()};
    ASSERT_TRUE(send_request(connection.value().borrow(), ControlOp::kExec, 1, fds).ok());
    server_thread_.join();
    ASSERT_EQ(seen.fds.size(), 2U);
    ASSERT_TRUE(write_full(seen.fds[1].borrow(), std::string_view("x")).ok());
    write_end.reset();
    seen.fds[1].reset();
    EXPECT_EQ(read_file(read_end.borrow(), 10).value(), "x");
}

TEST(ControlWire, EventsOfAProcessSurviveTheWay) {
    auto const event = decode_exec_event(encode_exec_event({ExecEventKind::kFailed, 127, 0, "not found"}));
    ASSERT_TRUE(event.has_value());
    EXPECT_EQ(event->kind, ExecEventKind::kFailed);
    EXPECT_EQ(event->code, 127U);
    EXPECT_EQ(event->text, "not found");
}

TEST(ControlWire, ShortAndUnknownEventsAreNone) {
    auto bytes = encode_exec_event({ExecEventKind::kExited, 0, 9});
    EXPECT_FALSE(decode_exec_event(std::span(bytes).first(11)).has_value());
    bytes[0] = std::byte{4};
    EXPECT_FALSE(decode_exec_event(bytes).has_value());
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

}  // namespace
}  // namespace krun::runtime
