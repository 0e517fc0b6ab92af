// SPDX-License-Identifier: Apache-2.0
// A network back-end on a stream socket, as passt and QEMU's stream netdev speak: before each frame its
// length, four bytes, the most significant first. The peer is believed nothing: a length that no frame can
// have ends the connection, since nobody knows where the next frame begins.
#pragma once
#include <array>
#include <utility>
#include <vector>

#include "vmm/device/net_backend.h"

namespace krun::vmm {

class NetStream final : public NetBackend {
public:
    // `socket` is connected. It may be a blocking one.
    explicit NetStream(UniqueFd socket) : socket_(std::move(socket)) {}

    uint64_t offloads() const override { return 0; }
    Result<void> use(uint64_t offloads) override;
    BorrowedFd fd() const override { return socket_.borrow(); }
    Outcome send(std::span<iovec const> parts) override;
    Outcome carry_on() override;
    Transfer receive(std::span<iovec const> parts) override;

private:
    Transfer read();
    Outcome read_length();
    Transfer read_frame(std::span<iovec const> parts);
    Outcome lose_frame();
    void end_frame(size_t of_next);

    UniqueFd socket_;
    std::vector<iovec> parts_;

    std::vector<std::byte> unsent_;  // the rest of a frame that the socket has taken in part

    std::array<uint8_t, 4> length_{};  // of the next frame
    size_t length_has_ = 0;            // bytes of it that have come
    bool in_frame_ = false;            // its length is frame_, and frame_has_ bytes of it have come
    bool is_lost_ = false;             // it can be given to nobody
    size_t frame_ = 0;
    size_t frame_has_ = 0;
};

}  // namespace krun::vmm
