// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/net_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "vmm/device/iovec_slice.h"
#include "vmm/device/net_protocol.h"

namespace krun::vmm {
namespace {

using Outcome = NetBackend::Outcome;

size_t total(std::span<iovec const> parts) {
    size_t bytes = 0;
    for (auto const& part : parts) bytes += part.iov_len;
    return bytes;
}

Outcome failed_with(int error) {
    return error == EAGAIN || error == EINTR ? Outcome::kBlocked : Outcome::kEnded;
}

ssize_t send_parts(BorrowedFd socket, std::span<iovec> parts) {
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    return ::sendmsg(socket.raw(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace

// What has come of a frame went into buffers that the driver has taken back.
Result<void> NetStream::use(uint64_t /*offloads*/) {
    is_lost_ = in_frame_;
    return {};
}

Outcome NetStream::send(std::span<iovec const> parts) {
    if (auto const rest = carry_on(); rest != Outcome::kMoved) return rest;
    auto const frame = static_cast<uint32_t>(total(parts) - sizeof(NetHeader));
    std::array<uint8_t, 4> length{static_cast<uint8_t>(frame >> 24), static_cast<uint8_t>(frame >> 16),
                                  static_cast<uint8_t>(frame >> 8), static_cast<uint8_t>(frame)};
    slice_iovecs(parts, sizeof(NetHeader), frame, parts_);
    parts_.insert(parts_.begin(), {length.data(), length.size()});
    ssize_t const n = send_parts(socket_.borrow(), parts_);
    if (n < 0) return failed_with(errno);
    size_t sent = static_cast<size_t>(n);
    for (auto const& part : parts_) {
        auto const* const bytes = static_cast<std::byte const*>(part.iov_base);
        size_t const skipped = std::min(sent, part.iov_len);
        unsent_.insert(unsent_.end(), bytes + skipped, bytes + part.iov_len);
        sent -= skipped;
    }
    return Outcome::kMoved;
}

Outcome NetStream::carry_on() {
    if (unsent_.empty()) return Outcome::kMoved;
    iovec rest{unsent_.data(), unsent_.size()};
    ssize_t const n = send_parts(socket_.borrow(), {&rest, 1});
    if (n < 0) return failed_with(errno);
    unsent_.erase(unsent_.begin(), unsent_.begin() + n);
    return unsent_.empty() ? Outcome::kMoved : Outcome::kBlocked;
}

NetBackend::Transfer NetStream::receive(std::span<iovec const> parts) {
    if (!in_frame_)
        if (auto const outcome = read_length(); outcome != Outcome::kMoved) return {outcome, 0};
    is_lost_ = is_lost_ || frame_ < kEthernetHeaderBytes || sizeof(NetHeader) + frame_ > total(parts);
    if (is_lost_) return {lose_frame(), 0};
    return read_frame(parts);
}

// Into parts_.
NetBackend::Transfer NetStream::read() {
    msghdr message{};
    message.msg_iov = parts_.data();
    message.msg_iovlen = parts_.size();
    ssize_t const n = ::recvmsg(socket_.borrow().raw(), &message, MSG_DONTWAIT);
    if (n < 0) return {failed_with(errno), 0};
    return {n == 0 ? Outcome::kEnded : Outcome::kMoved, static_cast<size_t>(n)};
}

Outcome NetStream::read_length() {
    if (length_has_ < length_.size()) {
        parts_.assign(1, {length_.data() + length_has_, length_.size() - length_has_});
        auto const got = read();
        if (got.outcome != Outcome::kMoved) return got.outcome;
        length_has_ += got.bytes;
        if (length_has_ < length_.size()) return Outcome::kBlocked;
    }
    frame_ = size_t{length_[0]} << 24 | size_t{length_[1]} << 16 | size_t{length_[2]} << 8 | length_[3];
    if (frame_ > kMaxFrameBytes) return Outcome::kEnded;
    in_frame_ = true;
    is_lost_ = false;
    frame_has_ = 0;
    return Outcome::kMoved;
}

// A frame goes where it stays, as it comes. Behind it comes the length of the next, which then is there
// without another call.
NetBackend::Transfer NetStream::read_frame(std::span<iovec const> parts) {
    size_t const rest = frame_ - frame_has_;
    slice_iovecs(parts, sizeof(NetHeader) + frame_has_, rest, parts_);
    if (parts_.size() < IOV_MAX) parts_.push_back({length_.data(), length_.size()});
    auto const got = read();
    if (got.outcome != Outcome::kMoved) return got;
    if (got.bytes < rest) {
        frame_has_ += got.bytes;
        return {Outcome::kBlocked, 0};
    }
    end_frame(got.bytes - rest);
    slice_iovecs(parts, 0, sizeof(NetHeader), parts_);
    for (auto const& part : parts_)
        std::fill_n(static_cast<std::byte*>(part.iov_base), part.iov_len, std::byte{});
    return {Outcome::kMoved, sizeof(NetHeader) + frame_};
}

Outcome NetStream::lose_frame() {
    std::array<std::byte, 4096> nowhere;
    while (frame_has_ < frame_) {
        parts_.assign(1, {nowhere.data(), std::min(nowhere.size(), frame_ - frame_has_)});
        auto const got = read();
        if (got.outcome != Outcome::kMoved) return got.outcome;
        frame_has_ += got.bytes;
    }
    end_frame(0);
    return Outcome::kRefused;
}

void NetStream::end_frame(size_t of_next) {
    in_frame_ = false;
    length_has_ = of_next;
}

}  // namespace krun::vmm
