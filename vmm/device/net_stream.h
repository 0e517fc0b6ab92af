// SPDX-License-Identifier: Apache-2.0
// A network back-end on a stream socket, as passt and QEMU's stream netdev speak: before each frame its
// length, four bytes, the most significant first. The peer is believed nothing: a length that no frame can
// have ends the connection, since nobody knows where the next frame begins.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "vmm/device/net_backend.h"
#include "vmm/device/tcp_run.h"

namespace krun::vmm {

class NetStream final : public NetBackend {
public:
    // `socket` is connected. It may be a blocking one.
    explicit NetStream(UniqueFd socket);

    uint64_t offloads() const override;
    Result<void> use(uint64_t offloads) override;
    BorrowedFd fd() const override { return socket_.borrow(); }
    Outcome send(std::span<iovec const> parts) override;
    Outcome carry_on() override;
    Transfer receive(std::span<iovec const> parts) override;
    bool holds_frames() const override { return !ahead().empty(); }

private:
    std::span<std::byte const> ahead() const {
        return {ahead_.get() + ahead_used_, ahead_end_ - ahead_used_};
    }
    Transfer read();
    Outcome read_ahead();
    Outcome read_length();
    std::optional<std::span<std::byte const>> frame_ahead(size_t at) const;
    size_t take_run(std::span<iovec const> parts, size_t room);
    Transfer read_frame(std::span<iovec const> parts);
    Outcome lose_frame();

    UniqueFd socket_;
    std::vector<iovec> parts_;

    std::vector<std::byte> unsent_;  // the rest of a frame that the socket has taken in part

    std::unique_ptr<std::byte[]> ahead_;  // [ahead_used_, ahead_end_) has been read and is of frames to come
    size_t ahead_used_ = 0;
    size_t ahead_end_ = 0;

    bool in_frame_ = false;  // its length is frame_, and frame_has_ bytes of it have come
    bool is_lost_ = false;   // it can be given to nobody
    size_t frame_ = 0;
    size_t frame_has_ = 0;

    uint64_t used_offloads_ = 0;
    TcpRun run_;  // of views of ahead_
};

}  // namespace krun::vmm
