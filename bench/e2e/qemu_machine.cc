// SPDX-License-Identifier: Apache-2.0
// qemu_machine [--pause | --tap NAME MAC | --passt SOCKET MAC | --xattr | --acl] SHARE KERNEL MIB: the
// comparison machine. Starts the C virtiofsd on SHARE and QEMU's microvm with KERNEL, and plays the host's
// side of the control protocol to the very init that krun-oci boots: waits for ready, starts the payload,
// takes its output and exit status, ends both. Exits with the payload's status.
// --pause: prints the two process ids when the guest is ready, and ends when stdin does.
// --tap: with a network interface on that tap interface; --passt: on passt's socket.
// --xattr: virtiofsd serves extended attributes, too, which costs it requests; --acl: and POSIX ACLs.
//
// What QEMU gets for its best: virtiofsd is handed a listening socket, so that both programs start at the
// same time; no firmware tables, timers, serial port or defaults; the end is a kill, not a shut-down.
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "config-gen/control_protocol.h"

namespace control = krun::control;

namespace {

constexpr unsigned kGuestCid = 3;
constexpr int kTimeoutMs = 120'000;

std::vector<pid_t> children;

void end_children() {
    for (pid_t const child : children) {
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
    }
}

[[noreturn]] void die(char const* what) {
    std::perror(what);
    end_children();
    std::exit(125);
}

int listen_vsock(unsigned port) {
    int const fd = ::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_vm address{};
    address.svm_family = AF_VSOCK;
    address.svm_cid = VMADDR_CID_ANY;
    address.svm_port = port;
    if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
        ::listen(fd, 1) < 0)
        die("listen on vsock");
    return fd;
}

int accept_one(int listener) {
    pollfd wait{listener, POLLIN, 0};
    if (::poll(&wait, 1, kTimeoutMs) != 1) die("no connection from the guest");
    int const fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) die("accept");
    return fd;
}

// A stream of the payload's: init knows it by our port.
int connect_stream(uint32_t stream) {
    int const fd = ::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_vm ours{};
    ours.svm_family = AF_VSOCK;
    ours.svm_cid = VMADDR_CID_ANY;
    ours.svm_port = control::stream_port(0, stream);
    sockaddr_vm inits{};
    inits.svm_family = AF_VSOCK;
    inits.svm_cid = kGuestCid;
    inits.svm_port = control::kStreamPort;
    if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&ours), sizeof ours) < 0 ||
        ::connect(fd, reinterpret_cast<sockaddr*>(&inits), sizeof inits) < 0)
        die("open a stream to the guest");
    return fd;
}

// Inherited by virtiofsd; QEMU's connection waits in its queue until virtiofsd is up.
int listen_unix(char const* path) {
    int const fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    ::unlink(path);
    if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
        ::listen(fd, 1) < 0)
        die("listen on a unix socket");
    return fd;
}

pid_t spawn(std::vector<std::string> const& words) {
    std::vector<char*> argv;
    for (auto const& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    pid_t child = 0;
    if (::posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ) != 0) die(argv[0]);
    children.push_back(child);
    return child;
}

pid_t start_qemu(std::string const& kernel, std::string const& mib, char const* socket,
                 std::vector<std::string> const& more) {
    // The command line is krun-oci's without its console.
    std::vector<std::string> words{
        "/usr/bin/qemu-system-x86_64",
        "-M",
        "microvm,acpi=off,pit=off,pic=off,rtc=off,isa-serial=off,memory-backend=ram",
        "-accel",
        "kvm",
        "-cpu",
        "host",
        "-smp",
        "1",
        "-m",
        mib,
        "-object",
        "memory-backend-memfd,id=ram,size=" + mib + "M",
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-kernel",
        kernel,
        "-append",
        "quiet reboot=t panic=-1 tsc=reliable no_timer_check root=krun rootfstype=virtiofs rw "
        "init=/init.krun",
        "-global",
        "virtio-mmio.force-legacy=false",
        "-chardev",
        std::string("socket,id=fs,path=") + socket,
        "-device",
        "vhost-user-fs-device,chardev=fs,tag=krun",
        "-device",
        "vhost-vsock-device,guest-cid=" + std::to_string(kGuestCid)};
    words.insert(words.end(), more.begin(), more.end());
    return spawn(words);
}

std::vector<std::string> tap_device(std::string const& name, std::string const& mac) {
    return {"-netdev", "tap,id=net,script=no,downscript=no,vhost=off,ifname=" + name, "-device",
            "virtio-net-device,netdev=net,mac=" + mac};
}

std::vector<std::string> passt_device(std::string const& socket, std::string const& mac) {
    return {"-netdev", "stream,id=net,server=off,addr.type=unix,addr.path=" + socket, "-device",
            "virtio-net-device,netdev=net,mac=" + mac};
}

struct Frame {
    control::FrameType type;
    std::array<unsigned char, control::kMaxGuestBodyBytes> body;
};

void receive_exactly(int fd, void* to, size_t len_bytes) {
    auto* at = static_cast<unsigned char*>(to);
    while (len_bytes > 0) {
        pollfd wait{fd, POLLIN, 0};
        if (::poll(&wait, 1, kTimeoutMs) != 1) die("the guest fell silent");
        ssize_t const n = ::read(fd, at, len_bytes);
        if (n <= 0) die("the guest's init closed its connection");
        at += n;
        len_bytes -= static_cast<size_t>(n);
    }
}

Frame receive(int fd) {
    static Frame frame;
    control::FrameHeader header{};
    receive_exactly(fd, &header, sizeof header);
    if (header.body_bytes > frame.body.size()) die("a frame too long");
    receive_exactly(fd, frame.body.data(), header.body_bytes);
    frame.type = static_cast<control::FrameType>(header.type);
    if (frame.type == control::FrameType::kFailed) {
        std::fprintf(stderr, "init: %.*s\n", static_cast<int>(header.body_bytes) - 4, frame.body.data() + 4);
        end_children();
        std::exit(125);
    }
    return frame;
}

void expect(int fd, control::FrameType type) {
    if (receive(fd).type != type) die("another message than expected");
}

void drain(int fd) {
    std::array<char, 4096> bytes;
    while (::read(fd, bytes.data(), bytes.size()) > 0) {
    }
}

// The payload's life, as the container process of krun-oci leads it. Returns the exit status.
int lead(int connection, bool pause) {
    expect(connection, control::FrameType::kHello);
    std::array<int, 3> streams{};
    for (uint32_t i = 0; i < streams.size(); ++i) streams[i] = connect_stream(i);
    ::shutdown(streams[0], SHUT_RDWR);  // an empty stdin
    expect(connection, control::FrameType::kReady);
    if (pause) {
        std::puts("ready");
        std::fflush(stdout);
        drain(STDIN_FILENO);
        return 0;
    }
    control::FrameHeader const start{0, static_cast<uint16_t>(control::FrameType::kStart), 0, 0};
    if (::write(connection, &start, sizeof start) != sizeof start) die("start the payload");
    expect(connection, control::FrameType::kStarted);
    for (size_t i = 1; i < streams.size(); ++i) {
        drain(streams[i]);
        ::close(streams[i]);
    }
    auto const exited = receive(connection);
    control::ExitedBody body{};
    std::memcpy(&body, exited.body.data(), sizeof body);
    if (exited.type != control::FrameType::kExited) die("another message than exited");
    return static_cast<int>(body.signal != 0 ? 128 + body.signal : body.exit_code);
}

}  // namespace

int main(int argc, char** argv) {
    bool const pause = argc == 5 && std::string(argv[1]) == "--pause";
    bool const acl = argc == 5 && std::string(argv[1]) == "--acl";
    bool const xattr = acl || (argc == 5 && std::string(argv[1]) == "--xattr");
    bool const tap = argc == 7 && std::string(argv[1]) == "--tap";
    bool const passt = argc == 7 && std::string(argv[1]) == "--passt";
    if (argc != 4 && !pause && !tap && !passt && !xattr) {
        std::fputs(
            "usage: qemu_machine [--pause | --tap NAME MAC | --passt SOCKET MAC | --xattr | --acl] SHARE "
            "KERNEL MIB\n",
            stderr);
        return 125;
    }
    char** const words = argv + argc - 3;
    // A peer that is ended takes its machine with it.
    ::signal(SIGTERM, [](int) {
        end_children();
        ::_exit(0);
    });
    constexpr char kSocket[] = "/tmp/qemu_machine.socket";
    int const control_listener = listen_vsock(control::kControlPort);
    int const socket = listen_unix(kSocket);
    std::vector<std::string> virtiofsd{"/usr/lib/qemu/virtiofsd",
                                       "--fd=" + std::to_string(socket),
                                       "-o",
                                       std::string("source=") + words[0],
                                       "-o",
                                       "sandbox=chroot",
                                       "-o",
                                       "cache=always",
                                       "--thread-pool-size=0"};
    if (xattr) virtiofsd.insert(virtiofsd.end(), {"-o", "xattr"});
    if (acl) virtiofsd.insert(virtiofsd.end(), {"-o", "posix_acl"});
    pid_t const server = spawn(virtiofsd);
    ::close(socket);
    std::vector<std::string> network;
    if (tap) network = tap_device(argv[2], argv[3]);
    if (passt) network = passt_device(argv[2], argv[3]);
    pid_t const qemu = start_qemu(words[1], words[2], kSocket, network);
    if (pause) std::printf("%d %d\n", qemu, server);
    int const connection = accept_one(control_listener);
    ::unlink(kSocket);  // QEMU has been there
    int const status = lead(connection, pause);
    end_children();
    return status;
}
