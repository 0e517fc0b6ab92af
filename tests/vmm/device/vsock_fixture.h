// SPDX-License-Identifier: Apache-2.0
// A vsock device with a guest on one side and pipes, sockets or files on the other.
#pragma once
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>

#include "base/fd.h"
#include "tests/vmm/device/vsock_guest.h"

namespace krun::vmm {

constexpr uint32_t kGuestPort = 1024;  // any
constexpr uint32_t kOutPort = 10;      // guest to host through a pipe
constexpr uint32_t kInPort = 11;       // host to guest through a pipe
constexpr uint32_t kDuplexPort = 12;   // a socket
constexpr uint32_t kOncePort = 13;     // one_shot, a socket
constexpr uint32_t kBrokenPort = 14;   // connect() fails

class VsockTest : public ::testing::Test {
protected:
    VsockTest() {
        std::vector<VsockPort> ports;
        ports.push_back({kOutPort, false, [this] {
                             return StreamEnds{{}, std::move(out_.second), std::move(done_.second)};
                         }});
        ports.push_back({kInPort, false, [this] { return StreamEnds{std::move(in_.first), {}, {}}; }});
        ports.push_back({kDuplexPort, false, [this] { return duplex_ends(); }});
        ports.push_back({kOncePort, true, [this] { return duplex_ends(); }});
        ports.push_back(
            {kBrokenPort, false, []() -> Result<StreamEnds> { return fail(Error(Errc::kSystem, "no")); }});
        vsock_ = must(Vsock::make(std::move(ports)));
        guest_ = std::make_unique<VsockGuest>(*vsock_);
    }
    ~VsockTest() override { guest_.reset(); }

    // The host's half of a new duplex connection is peer_ afterwards.
    Result<StreamEnds> duplex_ends() {
        auto [ours, theirs] = TRY(make_socketpair(socket_type_));
        peer_ = std::move(theirs);
        auto other = TRY(duplicate(ours.borrow()));
        return StreamEnds{std::move(ours), std::move(other), {}};
    }
    // Reads what is there now; "EOF" at the end, "" if nothing is there.
    static std::string read_now(UniqueFd const& fd) {
        std::string buffer(1 << 20, '\0');
        pollfd state{.fd = fd.borrow().raw(), .events = POLLIN, .revents = 0};
        if (::poll(&state, 1, 0) == 0) return "";
        ssize_t const n = ::read(fd.borrow().raw(), buffer.data(), buffer.size());
        return n <= 0 ? "EOF" : buffer.substr(0, static_cast<size_t>(n));
    }
    static void write_to(UniqueFd const& fd, std::string_view text) { must(write_full(fd.borrow(), text)); }

    std::pair<UniqueFd, UniqueFd> out_ = must(make_pipe());   // test reads .first
    std::pair<UniqueFd, UniqueFd> in_ = must(make_pipe());    // test writes .second
    std::pair<UniqueFd, UniqueFd> done_ = must(make_pipe());  // .first hangs up when output is delivered
    UniqueFd peer_;
    int socket_type_ = SOCK_STREAM;  // of the next duplex connection
    std::unique_ptr<Vsock> vsock_;
    std::unique_ptr<VsockGuest> guest_;
};

}  // namespace krun::vmm
