// SPDX-License-Identifier: Apache-2.0
// The caller's end of an executed process, against a container process that is a thread of the test.
#include "runtime/exec/exec_client.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "base/fd.h"
#include "base/fd_passing.h"
#include "runtime/control/control.h"
#include "runtime/control/control_address.h"
#include "runtime/control/control_wire.h"
#include "runtime/exec/console_socket.h"
#include "tests/support/temp_dir.h"

namespace krun::runtime {
namespace {

class ExecClientTest : public ::testing::Test {
protected:
    void SetUp() override {
        listener_ = UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        auto const address = control_address(state_dir_.borrow());
        ASSERT_EQ(
            ::bind(listener_.borrow().raw(), reinterpret_cast<sockaddr const*>(&address), sizeof address), 0);
        ASSERT_EQ(::listen(listener_.borrow().raw(), 1), 0);
    }

    // Serves one request, which has been read when `answer` runs; its connection then closes.
    void serve(std::function<void(BorrowedFd connection)> answer) {
        server_ = std::jthread([this, answer = std::move(answer)] {
            UniqueFd const connection(::accept4(listener_.borrow().raw(), nullptr, nullptr, SOCK_CLOEXEC));
            std::array<std::byte, 4096> buffer;
            ignore(receive_message(connection.borrow(), buffer), "what is asked for does not matter");
            answer(connection.borrow());
        });
    }

    // What a client is told that gets `signal` once its program runs; in a process of its own, whose signals
    // it blocks. "status N", or the error.
    std::string attend(int signal = 0) {
        auto [read_end, write_end] = make_pipe().value();
        pid_t const pid = ::fork();
        if (pid == 0) {
            ignore(write_full(write_end.borrow(), told(signal)), "the parent sees it");
            ::_exit(0);
        }
        write_end.reset();
        ::waitpid(pid, nullptr, 0);
        return read_file(read_end.borrow(), 4096).value();
    }

    test::TempDir dir_;
    UniqueFd state_dir_ = open_path(dir_.path(), O_RDONLY | O_DIRECTORY).value();
    UniqueFd listener_;
    UniqueFd terminal_;  // the process's, or invalid
    std::jthread server_;

private:
    std::string told(int signal) {
        auto const signals = RelayedSignals::block().value();
        auto client = ExecClient::ask(state_dir_.borrow(), ExecTask{});
        if (!client.ok()) return client.error().message();
        auto const on_start = [&]() -> Result<void> {
            if (signal != 0) ::raise(signal);
            return {};
        };
        auto const end = client.value().attend(signals, nullptr, terminal_.borrow(), on_start);
        if (!end.ok()) return end.error().message();
        if (end.value().signal != 0) return "signal " + std::to_string(end.value().signal);
        return "status " + std::to_string(end.value().code);
    }
};

void say(BorrowedFd connection, ExecEvent const& event) {
    ASSERT_TRUE(send_message(connection, encode_exec_event(event)).ok());
}

TEST_F(ExecClientTest, HearsStartAndEnd) {
    serve([](BorrowedFd connection) {
        say(connection, {ExecEventKind::kStarted});
        say(connection, {ExecEventKind::kExited, 7});
    });
    EXPECT_EQ(attend(), "status 7");
}

// Whoever was sent the terminal may have changed it before anybody watched it for that.
TEST_F(ExecClientTest, TellsTheSizeThatTheTerminalHasWhenTheProgramRuns) {
    auto terminal = open_terminal({}).value();
    terminal_ = std::move(terminal.slave);
    winsize const size{.ws_row = 30, .ws_col = 90, .ws_xpixel = 0, .ws_ypixel = 0};
    ASSERT_EQ(::ioctl(terminal.master.borrow().raw(), TIOCSWINSZ, &size), 0);
    serve([](BorrowedFd connection) {
        say(connection, {ExecEventKind::kStarted});
        pollfd told{connection.raw(), POLLIN, 0};
        ControlWireRequest request{};
        if (::poll(&told, 1, 10'000) == 1) ::recv(connection.raw(), &request, sizeof request, 0);
        bool const right =
            request.op == static_cast<uint32_t>(ControlOp::kResize) && request.argument == pack_size(30, 90);
        say(connection, {ExecEventKind::kExited, right ? 7U : 1U});
    });
    EXPECT_EQ(attend(), "status 7");
}

TEST_F(ExecClientTest, EndThatCrossesASignalIsHeardAllTheSame) {
    serve([](BorrowedFd connection) {
        say(connection, {ExecEventKind::kStarted});
        pollfd signal_came{connection.raw(), POLLIN, 0};
        ::poll(&signal_came, 1, 10'000);  // and is never read
        say(connection, {ExecEventKind::kExited, 7});
    });
    EXPECT_EQ(attend(SIGTERM), "status 7");
}

TEST_F(ExecClientTest, ConnectionLostWhileTheProgramRunsIsItsDeath) {
    serve([](BorrowedFd connection) { say(connection, {ExecEventKind::kStarted}); });
    EXPECT_EQ(attend(), "signal 9");
}

TEST_F(ExecClientTest, ConnectionLostBeforeTheProgramRanIsAContainerThatIsNotRunning) {
    serve([](BorrowedFd) {});
    EXPECT_EQ(attend(), "container not running");
}

TEST_F(ExecClientTest, RefusalInTheWordsOfAnotherVersionIsHeard) {
    serve([](BorrowedFd connection) {
        auto const refusal = encode_result(fail(Error(Errc::kUnsupported, "created by another version")));
        ASSERT_TRUE(send_message(connection, refusal).ok());
    });
    EXPECT_EQ(attend(), "created by another version");
}

}  // namespace
}  // namespace krun::runtime
