// SPDX-License-Identifier: Apache-2.0
// net_peer serve PORT                     one connection after the other, as each asks
// net_peer to|from|ask ADDRESS PORT COUNT a stream of COUNT bytes to the server or from it, or COUNT
// questions of
//                                         one byte with their answers; prints the nanoseconds from the first
//                                         byte to the last, the server's word that it has them included.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

char buffer[1 << 17];

struct Wish {
    uint64_t to_server;
    uint64_t from_server;
    uint64_t questions;
};

[[noreturn]] void die(char const* what) {
    std::perror(what);
    std::exit(1);
}

void receive(int fd, uint64_t bytes) {
    while (bytes > 0) {
        ssize_t const n = ::read(fd, buffer, std::min<uint64_t>(bytes, sizeof buffer));
        if (n <= 0) die("receive");
        bytes -= static_cast<uint64_t>(n);
    }
}

void send(int fd, uint64_t bytes) {
    while (bytes > 0) {
        ssize_t const n = ::write(fd, buffer, std::min<uint64_t>(bytes, sizeof buffer));
        if (n <= 0) die("send");
        bytes -= static_cast<uint64_t>(n);
    }
}

int make_socket() {
    int const fd = ::socket(AF_INET, SOCK_STREAM, 0);
    int const on = 1;
    if (fd < 0) die("socket");
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

sockaddr_in address_of(char const* address, char const* port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
    if (::inet_pton(AF_INET, address, &out.sin_addr) != 1) die(address);
    return out;
}

void serve_one(int fd) {
    Wish wish{};
    if (::read(fd, &wish, sizeof wish) != static_cast<ssize_t>(sizeof wish)) return;
    receive(fd, wish.to_server);
    send(fd, wish.from_server + 1);  // the last byte says that all has come
    for (; wish.questions > 0; --wish.questions) {
        receive(fd, 1);
        send(fd, 1);
    }
}

[[noreturn]] void serve(char const* port) {
    int const listener = make_socket();
    auto const any = address_of("0.0.0.0", port);
    if (::bind(listener, reinterpret_cast<sockaddr const*>(&any), sizeof any) < 0 ||
        ::listen(listener, 8) < 0)
        die("listen");
    while (true) {
        int const fd = ::accept(listener, nullptr, nullptr);
        serve_one(fd);
        ::close(fd);
    }
}

int64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int64_t measure(int fd, Wish const& wish) {
    int64_t const begin = now_ns();
    if (::write(fd, &wish, sizeof wish) != static_cast<ssize_t>(sizeof wish)) die("ask");
    send(fd, wish.to_server);
    receive(fd, wish.from_server + 1);
    for (uint64_t i = 0; i < wish.questions; ++i) {
        send(fd, 1);
        receive(fd, 1);
    }
    return now_ns() - begin;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 3 && std::strcmp(argv[1], "serve") == 0) serve(argv[2]);
    if (argc != 5) return 2;
    auto const peer = address_of(argv[2], argv[3]);
    int const fd = make_socket();
    if (::connect(fd, reinterpret_cast<sockaddr const*>(&peer), sizeof peer) < 0) die("connect");
    uint64_t const count = std::strtoull(argv[4], nullptr, 10);
    Wish wish{};
    (argv[1][0] == 't' ? wish.to_server : argv[1][0] == 'f' ? wish.from_server : wish.questions) = count;
    std::printf("%lld\n", static_cast<long long>(measure(fd, wish)));
    return 0;
}
