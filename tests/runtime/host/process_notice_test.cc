// SPDX-License-Identifier: Apache-2.0
// --pid-file and --pidfd-socket name the same process, with a container process that plays the guest.
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <fstream>

#include "base/fd_passing.h"
#include "tests/runtime/command_line.h"

namespace krun::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ProcessNoticeTest : public test::CommandLine {
protected:
    void SetUp() override {
        ::prctl(PR_SET_CHILD_SUBREAPER, 1);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strcpy(address.sun_path, socket_path().c_str());
        listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        ASSERT_EQ(::bind(fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        ASSERT_EQ(::listen(fd(), 8), 0);
    }
    void TearDown() override {
        krun({"delete", "--force", "web"});
        child_left();
        ::prctl(PR_SET_CHILD_SUBREAPER, 0);
    }
    int fd() const { return listener_.borrow().raw(); }
    std::string socket_path() const { return dir_ / "pidfd.sock"; }
    std::vector<std::string> notice() const {
        return {"--pidfd-socket", socket_path(), "--pid-file", dir_ / "pid"};
    }
    // krun(), in a process of its own: a command blocks signals, and may be the process in question.
    pid_t begin(std::vector<std::string> words) const {
        pid_t const pid = ::fork();
        if (pid == 0) ::_exit(krun(words).status);
        return pid;
    }
    int status_of_process(pid_t pid) const {
        int status = 0;
        EXPECT_EQ(::waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    std::string text_of(std::string const& path) const {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    // What the one sender has sent.
    UniqueFd received() const {
        UniqueFd const connection(::accept4(fd(), nullptr, nullptr, SOCK_CLOEXEC));
        std::array<std::byte, 64> name;
        auto message = receive_message(connection.borrow(), name);
        if (!message.ok() || message.value().fds.size() != 1 || message.value().bytes == 0) return {};
        return std::move(message.value().fds[0]);
    }
    // proc(5), fdinfo of a pidfd; -1 once it has been reaped.
    std::string pid_of(UniqueFd const& pidfd) const {
        auto const info = text_of("/proc/self/fdinfo/" + std::to_string(pidfd.borrow().raw()));
        auto const at = info.find("\nPid:\t");
        return at == info.npos ? "" : info.substr(at + 6, info.find('\n', at + 6) - at - 6);
    }
    static bool has_ended(UniqueFd const& pidfd) {
        pollfd watched{pidfd.borrow().raw(), POLLIN, 0};
        return ::poll(&watched, 1, 5000) == 1;
    }
    std::vector<std::string> with_notice(std::vector<std::string> words,
                                         std::vector<std::string> rest) const {
        for (auto const& word : notice()) words.push_back(word);
        words.insert(words.end(), rest.begin(), rest.end());
        return words;
    }
    std::string web_bundle(std::string const& args) const {
        test::SpecText spec;
        spec.process = R"("cwd":"/","args":)" + args;
        return bundle(spec.text());
    }

    UniqueFd listener_;
};

TEST_F(ProcessNoticeTest, CreateSendsTheContainerProcess) {
    auto const web = web_bundle(R"(["wait"])");
    ASSERT_EQ(status_of_process(begin(with_notice({"create", "--bundle", web}, {"web"}))), 0);
    auto const pidfd = received();
    ASSERT_TRUE(pidfd.valid());
    EXPECT_EQ(pid_of(pidfd), text_of(dir_ / "pid"));
    krun({"kill", "web", "KILL"});
    EXPECT_TRUE(has_ended(pidfd));
}

TEST_F(ProcessNoticeTest, RunSendsTheContainerProcessDetachedOrNot) {
    auto const web = web_bundle(R"(["exit","3"])");
    EXPECT_EQ(status_of_process(begin(with_notice({"run", "--bundle", web}, {"web"}))), 3);
    EXPECT_TRUE(has_ended(received()));
    EXPECT_EQ(
        status_of_process(begin(with_notice({"run", "-d", "--bundle", web_bundle(R"(["wait"])")}, {"web"}))),
        0);
    EXPECT_EQ(pid_of(received()), text_of(dir_ / "pid"));
}

TEST_F(ProcessNoticeTest, ExecSendsTheProcessThatStandsForTheProgram) {
    ASSERT_EQ(create("web").status, 0);
    ASSERT_EQ(krun({"start", "web"}).status, 0);
    ASSERT_EQ(status_of_process(begin(with_notice({"exec", "-d"}, {"web", "wait"}))), 0);
    auto const proxy = received();
    EXPECT_EQ(pid_of(proxy), text_of(dir_ / "pid"));

    pid_t const command = begin(with_notice({"exec"}, {"web", "wait"}));
    pollfd watched{fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&watched, 1, 5000), 1);
    EXPECT_EQ(pid_of(received()), std::to_string(command));
    ::kill(command, SIGTERM);
    EXPECT_EQ(status_of_process(command), 128 + SIGTERM);
}

TEST_F(ProcessNoticeTest, SocketThatNobodyListensOnStopsTheCommandBeforeItBegins) {
    listener_.reset();
    auto const ended = krun(with_notice({"create", "--bundle", web_bundle(R"(["wait"])")}, {"web"}));
    EXPECT_EQ(ended.status, 1);
    EXPECT_THAT(ended.complaint, HasSubstr("connect to pidfd socket " + socket_path()));
    EXPECT_THAT(left_in_root(), IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(dir_ / "pid"));
}

}  // namespace
}  // namespace krun::runtime
