// SPDX-License-Identifier: Apache-2.0
// vsock_bench: a stream of our vsock device between a driver and a thread of the host, beside the same thread
// at the other end of a unix socket pair, which has neither device nor queues: what the way into a guest
// costs. Prints Markdown. (The kernel's own device, vhost-vsock, has to be there to be measured.)
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/fd.h"
#include "bench/driver/device_peer.h"
#include "bench/vsock/guest.h"
#include "tests/support/guest_driver.h"
#include "vmm/device/vsock.h"

namespace krun::bench {
namespace {

using vmm::must;

constexpr uint32_t kPort = 1024;
constexpr unsigned kTurns = 5;
constexpr uint32_t kSmall = 64;
constexpr uint64_t kRoundTrips = 20'000;
constexpr uint64_t kStreamBytes = uint64_t{256} << 20;

void write_all(BorrowedFd socket, uint64_t bytes) {
    std::string const data(VsockGuest::kMostBytes, 'x');
    for (uint64_t done = 0; done < bytes;) {
        auto const n = ::send(socket.raw(), data.data(), std::min<uint64_t>(data.size(), bytes - done), 0);
        if (n <= 0) die("send");
        done += static_cast<uint64_t>(n);
    }
}
void read_all(BorrowedFd socket, uint64_t bytes) {
    std::string data(VsockGuest::kMostBytes, '\0');
    for (uint64_t done = 0; done < bytes;) {
        auto const n = ::recv(socket.raw(), data.data(), std::min<uint64_t>(data.size(), bytes - done), 0);
        if (n <= 0) die("receive");
        done += static_cast<uint64_t>(n);
    }
}

// What the host's end does, and the near end over a socket and over the device.
struct Workload {
    char const* name;
    uint64_t operations;
    uint64_t bytes;  // of them all; 0: it is the number that counts
    void (*far)(BorrowedFd socket);
    void (*by_socket)(BorrowedFd socket);
    void (*by_vsock)(VsockGuest& guest);
};
constexpr Workload kWorkloads[] = {
    {"round trip of 64 bytes", kRoundTrips, 0,
     [](BorrowedFd socket) {
         for (uint64_t i = 0; i < kRoundTrips; ++i) {
             read_all(socket, kSmall);
             write_all(socket, kSmall);
         }
     },
     [](BorrowedFd socket) {
         for (uint64_t i = 0; i < kRoundTrips; ++i) {
             write_all(socket, kSmall);
             read_all(socket, kSmall);
         }
     },
     [](VsockGuest& guest) {
         for (uint64_t i = 0; i < kRoundTrips; ++i) {
             guest.send(kSmall);
             for (uint32_t got = 0; got < kSmall;) got += guest.receive();
         }
     }},
    {"stream to the host", 1, kStreamBytes,
     [](BorrowedFd socket) {
         read_all(socket, kStreamBytes);
         write_all(socket, 1);
     },
     [](BorrowedFd socket) {
         write_all(socket, kStreamBytes);
         read_all(socket, 1);
     },
     [](VsockGuest& guest) {
         for (uint64_t sent = 0; sent < kStreamBytes; sent += VsockGuest::kMostBytes)
             guest.send(VsockGuest::kMostBytes);
         while (guest.receive() == 0) continue;
     }},
    {"stream to the guest", 1, kStreamBytes, [](BorrowedFd socket) { write_all(socket, kStreamBytes); },
     [](BorrowedFd socket) { read_all(socket, kStreamBytes); },
     [](VsockGuest& guest) {
         for (uint64_t got = 0; got < kStreamBytes;) got += guest.receive();
     }},
};

// ns from the first to the last operation.
double measure(Workload const& workload, std::function<void()> const& near, UniqueFd far) {
    std::thread host([&] { workload.far(far.borrow()); });
    uint64_t const begin = now_ns();
    near();
    auto const ns = static_cast<double>(now_ns() - begin);
    host.join();
    return ns;
}

double by_socket(Workload const& workload) {
    auto [near, far] = must(make_socketpair(SOCK_STREAM));
    auto const socket = near.borrow();
    return measure(
        workload, [&] { workload.by_socket(socket); }, std::move(far));
}

double by_vsock(Workload const& workload) {
    auto [near, far] = must(make_socketpair(SOCK_STREAM));
    auto ends = std::make_shared<vmm::StreamEnds>();
    ends->to_guest = must(duplicate(near.borrow()));
    ends->from_guest = std::move(near);
    std::vector<vmm::VsockPort> ports;
    ports.push_back(
        {kPort, /*one_shot=*/true, [ends]() -> Result<vmm::StreamEnds> { return std::move(*ends); }});
    DevicePeer peer(must(vmm::Vsock::make(std::move(ports))), "vsock", /*silent=*/0, /*requests=*/3,
                    /*features=*/1, Waiting::kPolls);
    VsockGuest guest(peer, kPort);
    return measure(
        workload, [&] { workload.by_vsock(guest); }, std::move(far));
}

std::string figure(Workload const& workload, double ns) {
    char text[64];
    if (workload.bytes > 0)
        std::snprintf(text, sizeof text, "%.2f GB/s", static_cast<double>(workload.bytes) / ns);
    else
        std::snprintf(text, sizeof text, "%.2f us", ns / 1e3 / static_cast<double>(workload.operations));
    return text;
}

int main() {
    std::printf("| | vsock | unix socket pair | ratio |\n|---|---|---|---|\n");
    for (auto const& workload : kWorkloads) {
        double ours = 0, theirs = 0;
        for (unsigned turn = 0; turn < kTurns; ++turn) {
            double const a = by_vsock(workload), b = by_socket(workload);
            if (turn == 0 || a < ours) ours = a;
            if (turn == 0 || b < theirs) theirs = b;
        }
        std::printf("| %s | %s | %s | %.2f |\n", workload.name, figure(workload, ours).c_str(),
                    figure(workload, theirs).c_str(), theirs / ours);
        std::fflush(stdout);
    }
    return 0;
}

}  // namespace
}  // namespace krun::bench

int main() {
    return krun::bench::main();
}
