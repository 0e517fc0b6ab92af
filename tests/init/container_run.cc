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
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "base/fd.h"
#include "base/json_writer.h"
#include "base/strings.h"
#include "init/agent.h"
#include "init/boot.h"
#include "init/network.h"
#include "init/raw_clone.h"

namespace krun::init {
namespace {

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

socklen_t name_address(std::string const& name, sockaddr_un& address) {
    address = {};
    address.sun_family = AF_UNIX;  // an abstract one: sun_path[0] is 0 (unix(7))
    name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
    return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
}

UniqueFd socket_named(std::string const& name) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address;
    socklen_t const bytes = name_address(name, address);
    EXPECT_EQ(::bind(fd.borrow().raw(), reinterpret_cast<sockaddr*>(&address), bytes), 0) << name;
    return fd;
}

std::optional<uint32_t> port_of_test(sockaddr_storage const& peer, socklen_t bytes) {
    sockaddr_un address;
    std::memcpy(&address, &peer, sizeof address);
    size_t const start = offsetof(sockaddr_un, sun_path) + 1;
    if (bytes <= start) return std::nullopt;  // no name
    std::string_view const name(address.sun_path + 1, bytes - start);
    auto const port = parse_uint64(name.substr(name.rfind('-') + 1));
    if (!port) return std::nullopt;
    return static_cast<uint32_t>(*port);
}

// Unique among the containers of one test process.
int g_containers = 0;

}  // namespace

std::string HostFrame::text() const {
    size_t const head = type == control::FrameType::kFailed ? sizeof(control::FailedBody) : 0;
    if (body.size() < head) return {};
    return {reinterpret_cast<char const*>(body.data()) + head, body.size() - head};
}

int HostFrame::status() const {
    if (type != control::FrameType::kExited || body.size() != sizeof(control::ExitedBody)) return -1;
    control::ExitedBody exited{};
    std::memcpy(&exited, body.data(), sizeof exited);
    return static_cast<int>(exited.signal != 0 ? 128 + exited.signal : exited.exit_code);
}

uint32_t HostFrame::open_streams() const {
    if (status() < 0) return UINT32_MAX;
    control::ExitedBody exited{};
    std::memcpy(&exited, body.data(), sizeof exited);
    return exited.open_streams;
}

std::string ContainerRun::why_impossible() {
    if (::geteuid() != 0) return "needs root";
    return try_namespaces() ? "" : "needs mount and pid namespaces";
}

ContainerRun::ContainerRun() : instance_(++g_containers) {
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
int ContainerRun::serve_guest(UniqueFd listener, UniqueFd control) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::signal(SIGPIPE, SIG_IGN);
    if (::unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET) < 0) return 99;
    if (::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return 98;
    if (::mount("proc", "/proc", "proc", 0, nullptr) < 0) return 93;
    if (!bring_up_loopback().ok()) return 94;
    ControlLink link(std::move(control));
    if (!link.send_hello().ok()) return 97;
    if (!set_names(config_.hostname, config_.domainname).ok()) return 96;
    auto agent = Agent::make(link, config_, StreamListener(std::move(listener), port_of_test), "");
    if (!agent.ok()) return 95;
    auto const outcome = agent.value()->run();
    if (outcome.ok()) return 0;
    if (agent.value()->host_lost()) return kHostLost;
    ignore(link.send_failed(0, 125, outcome.error().message()), "the test sees the end");
    return 1;
}

// Where a guest has a vsock port, the tests have a name: of the test's process, of the container and of the
// port that would be.
std::string ContainerRun::name_of(std::string const& port) const {
    return "krun-init-test-" + std::to_string(::getpid()) + "-" + std::to_string(instance_) + "-" + port;
}

void ContainerRun::launch() {
    launch_unconnected();
    connect_streams(0, config_.process);
}

void ContainerRun::launch_unconnected() {
    // Made here, in the network namespace of the test, which init leaves.
    listener_ = socket_named(name_of("listener"));
    ASSERT_EQ(::listen(listener_.borrow().raw(), 256), 0);
    ASSERT_TRUE(set_nonblocking(listener_.borrow(), true).ok());
    auto [host, guest] = make_socketpair(SOCK_STREAM).value();
    control_ = std::move(host);
    // PID 1 there as in a guest: its end is that of every process it has started.
    auto child = raw_clone(SIGCHLD, CLONE_NEWPID, {});
    ASSERT_TRUE(child.ok());
    init_ = child.value().pid;
    if (init_ == 0) {
        control_.reset();
        ::_exit(serve_guest(std::move(listener_), std::move(guest)));
    }
}

UniqueFd& ContainerRun::port(uint32_t stream, uint32_t process) {
    return ports_[control::stream_port(process, stream)];
}

void ContainerRun::connect_streams(uint32_t process, guest::Process const& wanted) {
    for (auto const stream : stream_numbers(wanted)) connect_stream(process, stream);
}

UniqueFd ContainerRun::connect_as(UniqueFd socket) {
    sockaddr_un address;
    socklen_t const bytes = name_address(name_of("listener"), address);
    EXPECT_EQ(::connect(socket.borrow().raw(), reinterpret_cast<sockaddr*>(&address), bytes), 0);
    return socket;
}

void ContainerRun::connect_stream(uint32_t process, uint32_t stream) {
    auto const number = std::to_string(control::stream_port(process, stream));
    port(stream, process) = connect_as(socket_named(name_of(number)));
}

void ContainerRun::connect_again(uint32_t process, uint32_t stream) {
    auto const number = std::to_string(control::stream_port(process, stream));
    port(stream, process) = connect_as(socket_named(name_of("again-" + number)));
}

UniqueFd ContainerRun::connect_as_stranger() {
    return connect_as(UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
}

ExecConfig ContainerRun::probe_to_execute(std::vector<std::string> commands) const {
    ExecConfig config;
    config.process = config_.process;
    config.process.terminal = false;
    config.process.passed_fds = {};
    config.process.args = {"/bin/probe"};
    config.process.args.insert(config.process.args.end(), commands.begin(), commands.end());
    return config;
}

std::vector<std::byte> ContainerRun::exec_body(ExecConfig const& config) {
    JsonWriter writer;
    write_value(writer, config);
    auto const text = std::move(writer).take();
    auto const bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

void ContainerRun::send_exec(uint32_t process, ExecConfig const& config) {
    send(control::FrameType::kExec, exec_body(config), process);
}

void ContainerRun::execute(uint32_t process, ExecConfig const& config) {
    connect_streams(process, config.process);
    send_exec(process, config);
}

HostFrame ContainerRun::next_frame_of(uint32_t process) {
    for (auto it = kept_.begin(); it != kept_.end(); ++it) {
        if (it->process != process) continue;
        auto frame = std::move(*it);
        kept_.erase(it);
        return frame;
    }
    while (true) {
        auto frame = read_frame();
        if (frame.process == process || frame.type == control::FrameType{}) return frame;
        kept_.push_back(std::move(frame));
    }
}

HostFrame ContainerRun::next_frame() {
    if (kept_.empty()) return read_frame();
    auto frame = std::move(kept_.front());
    kept_.pop_front();
    return frame;
}

HostFrame ContainerRun::read_frame() {
    control::FrameHeader header{};
    if (!wait_readable(control_.borrow())) return {};
    auto const got = read_full(control_.borrow(), std::as_writable_bytes(std::span(&header, 1)));
    if (!got.ok() || got.value() != sizeof header) return {};
    HostFrame frame{static_cast<control::FrameType>(header.type), std::vector<std::byte>(header.body_bytes),
                    header.process};
    if (read_full(control_.borrow(), frame.body).value() != header.body_bytes) return {};
    if (frame.type == control::FrameType::kFailed) failure_text_ = frame.text();
    return frame;
}

void ContainerRun::send(control::FrameType type, std::vector<std::byte> body, uint32_t process) {
    control::FrameHeader const header{static_cast<uint32_t>(body.size()), static_cast<uint16_t>(type), 0,
                                      process};
    ASSERT_TRUE(write_full(control_.borrow(), std::as_bytes(std::span(&header, 1))).ok());
    ASSERT_TRUE(write_full(control_.borrow(), body).ok());
}

void ContainerRun::signal(uint32_t signo, uint32_t process) {
    auto const body = std::as_bytes(std::span(&signo, 1));
    send(control::FrameType::kSignal, {body.begin(), body.end()}, process);
}

void ContainerRun::signal_all(uint32_t signo) {
    auto const body = std::as_bytes(std::span(&signo, 1));
    send(control::FrameType::kSignalAll, {body.begin(), body.end()});
}

void ContainerRun::run_to_start() {
    launch();
    ASSERT_EQ(next_frame().type, control::FrameType::kHello);
    ASSERT_EQ(next_frame().type, control::FrameType::kReady) << failure_text_;
    send(control::FrameType::kStart);
    ASSERT_EQ(next_frame().type, control::FrameType::kStarted) << failure_text_;
}

std::string ContainerRun::read_until(uint32_t stream, std::string const& text, uint32_t process) {
    std::string out;
    char chunk[65536];
    auto const& fd = port(stream, process);
    if (!fd.valid()) return out;
    while (text.empty() || out.find(text) == std::string::npos) {
        if (!wait_readable(fd.borrow())) break;
        ssize_t const n = ::read(fd.borrow().raw(), chunk, sizeof chunk);
        if (n <= 0) break;
        out.append(chunk, static_cast<size_t>(n));
    }
    return out;
}

void ContainerRun::hold_for_ms(unsigned ms) const {
    ::kill(init_, SIGSTOP);
    ::usleep(ms * 1000);
    ::kill(init_, SIGCONT);
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
        output_ += read_until(kTerminal, "");
    } else {
        output_ += read_until(kStdout, "");
        error_output_ += read_until(kStderr, "");
    }
    return next_frame_of(0).status();
}

int ContainerRun::run() {
    run_to_start();
    if (!config_.process.terminal) port(kStdin).reset();
    return finish();
}

}  // namespace krun::init
