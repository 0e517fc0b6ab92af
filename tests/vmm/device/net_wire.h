// SPDX-License-Identifier: Apache-2.0
// A network back-end for tests: frames are datagrams, each with its header, on a socket whose other end the
// test holds.
#pragma once
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/fd.h"
#include "tests/support/guest_driver.h"
#include "vmm/device/net_backend.h"
#include "vmm/device/net_protocol.h"

namespace krun::vmm {

class WireBackend final : public NetBackend {
public:
    // What the device has asked for.
    struct Asked {
        uint64_t offloads = 0;
        bool attached = false;
        bool may_attach = true;  // else it fails
    };
    WireBackend(UniqueFd socket, Asked& asked) : socket_(std::move(socket)), asked_(asked) {}

    uint64_t offloads() const override { return kNetGuestOffloads | kNetHostOffloads; }
    Result<void> use(uint64_t offloads) override {
        asked_.offloads = offloads;
        return {};
    }
    Result<void> attach(bool on) override {
        if (!asked_.may_attach) return fail(Error(Errc::kUnsupported, "a wire that is cut"));
        asked_.attached = on;
        return {};
    }
    BorrowedFd fd() const override { return socket_.borrow(); }
    Outcome send(std::span<iovec const> parts) override { return move(parts, ::sendmsg).outcome; }
    Transfer receive(std::span<iovec const> parts) override { return move(parts, ::recvmsg); }

private:
    template <class Call>
    Transfer move(std::span<iovec const> parts, Call call) {
        msghdr message{};
        message.msg_iov = const_cast<iovec*>(parts.data());
        message.msg_iovlen = parts.size();
        ssize_t const n = call(socket_.borrow().raw(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) return {Outcome::kMoved, static_cast<size_t>(n)};
        if (n < 0 && errno == EAGAIN) return {Outcome::kBlocked, 0};
        if (n < 0 && errno == EMSGSIZE) return {Outcome::kRefused, 0};
        return {Outcome::kEnded, 0};
    }
    UniqueFd socket_;
    Asked& asked_;
};

// The other end.
class Wire {
public:
    Wire() {
        auto [ours, devices] = must(make_socketpair(SOCK_SEQPACKET));
        ours_ = std::move(ours);
        devices_ = std::move(devices);
    }
    std::unique_ptr<NetBackend> backend() {
        return std::make_unique<WireBackend>(std::move(devices_), asked_);
    }

    void send(std::string_view frame, NetHeader header = {}) {
        if (!try_send(frame, header)) std::abort();
    }
    // False when there is no room: the device has not read what came before.
    bool try_send(std::string_view frame, NetHeader header = {}) {
        std::string const all =
            std::string(reinterpret_cast<char const*>(&header), sizeof header).append(frame);
        return ::send(ours_.borrow().raw(), all.data(), all.size(), MSG_DONTWAIT) >= 0;
    }
    struct Arrived {
        NetHeader header;
        std::string frame;
    };
    std::optional<Arrived> receive() {
        std::string all(sizeof(NetHeader) + kMaxFrameBytes + 1, '\0');
        ssize_t const n = ::recv(ours_.borrow().raw(), all.data(), all.size(), MSG_DONTWAIT);
        if (n < static_cast<ssize_t>(sizeof(NetHeader))) return std::nullopt;
        Arrived out{};
        std::memcpy(&out.header, all.data(), sizeof out.header);
        out.frame = all.substr(sizeof out.header, static_cast<size_t>(n) - sizeof out.header);
        return out;
    }
    void hang_up() { ours_.reset(); }
    uint64_t used_offloads() const { return asked_.offloads; }
    bool is_attached() const { return asked_.attached; }
    void cut() { asked_.may_attach = false; }

private:
    UniqueFd ours_;
    UniqueFd devices_;
    WireBackend::Asked asked_;
};

}  // namespace krun::vmm
