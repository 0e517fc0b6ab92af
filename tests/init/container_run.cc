// SPDX-License-Identifier: Apache-2.0
#include "container_run.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "base/fd.h"
#include "init/agent.h"
#include "init/boot.h"

namespace krun::init {
namespace {

constexpr uint32_t kPorts[] = {control::kStdinPort, control::kStdoutPort, control::kStderrPort,
                               control::kConsolePort};
// A test that waits this long has found a hang.
constexpr int kPatienceMs = 20'000;

guest::Capabilities all_capabilities() {
    std::vector<std::string> const names = {"CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_KILL",
                                            "CAP_SETUID", "CAP_SETGID",       "CAP_SETPCAP"};
    return {names, names, {}, names, {}};
}

bool wait_readable(BorrowedFd fd) {
    pollfd watched{fd.raw(), POLLIN, 0};
    return ::poll(&watched, 1, kPatienceMs) == 1;
}

bool try_namespaces() {
    pid_t const child = ::fork();
    if (child == 0) ::_exit(::unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC) == 0 ? 0 : 1);
    int status = -1;
    ::waitpid(child, &status, 0);
    return status == 0;
}

}  // namespace

std::string ContainerRun::why_impossible() {
    if (::geteuid() != 0) return "needs root";
    return try_namespaces() ? "" : "needs mount and pid namespaces";
}

ContainerRun::ContainerRun() {
    std::string pattern = std::filesystem::temp_directory_path() / "krun-init-test-XXXXXX";
    tree_ = ::mkdtemp(pattern.data());
    std::filesystem::create_directories(rootfs() / "bin");
    std::filesystem::copy_file(KRUN_INIT_PROBE, rootfs() / "bin/probe");
    ::chmod(tree_.c_str(), 0755);
    config_.process.args = {"/bin/probe"};
    config_.process.env = {"PATH=/bin"};
    config_.process.cwd = "/";
    config_.process.capabilities = all_capabilities();
    config_.krun.root = rootfs();
    config_.krun.namespaces = {"ipc", "uts"};
    config_.mounts = {
        {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
        {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
        {"/dev/pts",
         "devpts",
         "devpts",
         {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
        {"/tmp", "tmpfs", "tmpfs", {"nosuid", "nodev", "mode=1777"}},
    };
}

ContainerRun::~ContainerRun() {
    control_.reset();
    ports_.clear();
    if (init_ > 0) {
        ::kill(init_, SIGKILL);
        ::waitpid(init_, nullptr, 0);
    }
    std::error_code ignored;
    std::filesystem::remove_all(tree_, ignored);
}

void ContainerRun::probe(std::vector<std::string> commands) {
    config_.process.args = {"/bin/probe"};
    config_.process.args.insert(config_.process.args.end(), commands.begin(), commands.end());
}

// In the forked process: what main.cc does in a guest, less what would change this machine.
int ContainerRun::serve_guest(std::map<uint32_t, UniqueFd> guest_ports, UniqueFd control) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::signal(SIGPIPE, SIG_IGN);
    if (::unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET) < 0) return 99;
    if (::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return 98;
    auto const connect = [&](uint32_t port) -> Result<UniqueFd> {
        auto const it = guest_ports.find(port);
        if (it == guest_ports.end() || !it->second.valid())
            return fail(Error(Errc::kSystem, "connect", ECONNREFUSED));
        return std::move(it->second);
    };
    ControlLink link(std::move(control));
    if (!link.send_hello().ok()) return 97;
    if (!set_names(config_.hostname, config_.domainname).ok()) return 96;
    auto agent = Agent::make(link, config_, connect, "");
    if (!agent.ok()) return 95;
    auto const outcome = agent.value()->run();
    if (outcome.ok()) return 0;
    if (agent.value()->host_lost()) return kHostLost;
    ignore(link.send_failed(125, outcome.error().message()), "the test sees the end");
    return 1;
}

void ContainerRun::launch() {
    std::map<uint32_t, UniqueFd> guest_ports;
    for (auto const port : kPorts) {
        auto [host, guest] = make_socketpair(SOCK_STREAM).value();
        ports_[port] = std::move(host);
        guest_ports[port] = std::move(guest);
    }
    auto [host, guest] = make_socketpair(SOCK_STREAM).value();
    control_ = std::move(host);
    init_ = ::fork();
    if (init_ != 0) return;
    control_.reset();
    ports_.clear();
    ::_exit(serve_guest(std::move(guest_ports), std::move(guest)));
}

HostFrame ContainerRun::next_frame() {
    control::FrameHeader header{};
    if (!wait_readable(control_.borrow())) return {};
    auto const got = read_full(control_.borrow(), std::as_writable_bytes(std::span(&header, 1)));
    if (!got.ok() || got.value() != sizeof header) return {};
    HostFrame frame{static_cast<control::FrameType>(header.type), std::vector<std::byte>(header.body_bytes)};
    if (read_full(control_.borrow(), frame.body).value() != header.body_bytes) return {};
    if (frame.type == control::FrameType::kFailed)
        failure_text_.assign(reinterpret_cast<char const*>(frame.body.data()) + sizeof(control::FailedBody),
                             frame.body.size() - sizeof(control::FailedBody));
    return frame;
}

void ContainerRun::send(control::FrameType type, std::vector<std::byte> body) {
    control::FrameHeader const header{static_cast<uint32_t>(body.size()), static_cast<uint16_t>(type), 0, 0};
    ASSERT_TRUE(write_full(control_.borrow(), std::as_bytes(std::span(&header, 1))).ok());
    ASSERT_TRUE(write_full(control_.borrow(), body).ok());
}

void ContainerRun::signal(uint32_t signo) {
    std::vector<std::byte> body(sizeof signo);
    std::memcpy(body.data(), &signo, sizeof signo);
    send(control::FrameType::kSignal, std::move(body));
}

void ContainerRun::run_to_start() {
    launch();
    ASSERT_EQ(next_frame().type, control::FrameType::kHello);
    ASSERT_EQ(next_frame().type, control::FrameType::kReady) << failure_text_;
    send(control::FrameType::kStart);
    ASSERT_EQ(next_frame().type, control::FrameType::kStarted) << failure_text_;
}

std::string ContainerRun::read_until(uint32_t number, std::string const& text) {
    std::string out;
    char chunk[65536];
    if (!ports_[number].valid()) return out;
    while (text.empty() || out.find(text) == std::string::npos) {
        if (!wait_readable(ports_[number].borrow())) break;
        ssize_t const n = ::read(ports_[number].borrow().raw(), chunk, sizeof chunk);
        if (n <= 0) break;
        out.append(chunk, static_cast<size_t>(n));
    }
    return out;
}

int ContainerRun::lose_host() {
    control_.reset();
    int status = 0;
    for (int waited_ms = 0; waited_ms < kPatienceMs; waited_ms += 10) {
        if (::waitpid(init_, &status, WNOHANG) == init_) {
            init_ = -1;
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        }
        ::usleep(10'000);
    }
    return -1;
}

int ContainerRun::finish() {
    if (config_.process.terminal) {
        output_ += read_until(control::kConsolePort, "");
    } else {
        output_ += read_until(control::kStdoutPort, "");
        error_output_ += read_until(control::kStderrPort, "");
    }
    auto const frame = next_frame();
    if (frame.type != control::FrameType::kExited || frame.body.size() != sizeof(control::ExitedBody))
        return -1;
    control::ExitedBody body{};
    std::memcpy(&body, frame.body.data(), sizeof body);
    return static_cast<int>(body.signal != 0 ? 128 + body.signal : body.exit_code);
}

int ContainerRun::run() {
    run_to_start();
    ports_[control::kStdinPort].reset();
    return finish();
}

}  // namespace krun::init
