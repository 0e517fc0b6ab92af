// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/net_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include "vmm/device/iovec_slice.h"
#include "vmm/device/iovec_writer.h"
#include "vmm/device/net_protocol.h"

namespace krun::vmm {
namespace {

using Outcome = NetBackend::Outcome;

constexpr size_t kLengthBytes = 4;
// Of a stream of small frames each call then brings many.
constexpr size_t kAheadBytes = size_t{64} << 10;

size_t total(std::span<iovec const> parts) {
    size_t bytes = 0;
    for (auto const& part : parts) bytes += part.iov_len;
    return bytes;
}

std::optional<size_t> length_at(std::span<std::byte const> bytes) {
    if (bytes.size() < kLengthBytes) return std::nullopt;
    size_t length = 0;
    for (auto const byte : bytes.first(kLengthBytes)) length = length << 8 | std::to_integer<size_t>(byte);
    return length;
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

NetStream::NetStream(UniqueFd socket)
    : socket_(std::move(socket)), ahead_(std::make_unique_for_overwrite<std::byte[]>(kAheadBytes)) {}

// What comes is not longer than the MTU, but several frames can be given as one.
uint64_t NetStream::offloads() const {
    return kNetFeatureGuestCsum | kNetFeatureGuestTso4 | kNetFeatureGuestTso6;
}

// What has come of a frame went into buffers that the driver has taken back.
Result<void> NetStream::use(uint64_t offloads) {
    used_offloads_ = offloads;
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
    size_t const room = total(parts);
    is_lost_ = is_lost_ || frame_ < kEthernetHeaderBytes || sizeof(NetHeader) + frame_ > room;
    if (is_lost_) return {lose_frame(), 0};
    if (frame_has_ == 0)
        if (size_t const bytes = take_run(parts, room); bytes > 0) return {Outcome::kMoved, bytes};
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

// Behind what is there and not used.
Outcome NetStream::read_ahead() {
    auto const rest = ahead();
    std::copy(rest.begin(), rest.end(), ahead_.get());
    ahead_end_ -= std::exchange(ahead_used_, 0);
    parts_.assign(1, {ahead_.get() + ahead_end_, kAheadBytes - ahead_end_});
    auto const got = read();
    ahead_end_ += got.bytes;
    return got.outcome;
}

Outcome NetStream::read_length() {
    while (ahead().size() < kLengthBytes)
        if (auto const outcome = read_ahead(); outcome != Outcome::kMoved) return outcome;
    frame_ = length_at(ahead()).value();
    if (frame_ > kMaxFrameBytes) return Outcome::kEnded;
    ahead_used_ += kLengthBytes;
    in_frame_ = true;
    is_lost_ = false;
    frame_has_ = 0;
    return Outcome::kMoved;
}

// The frame whose length is at `at` of what has been read ahead, if it is there whole.
std::optional<std::span<std::byte const>> NetStream::frame_ahead(size_t at) const {
    auto const length = length_at(ahead().subspan(at));
    if (!length || *length > ahead().size() - at - kLengthBytes) return std::nullopt;
    return ahead().subspan(at + kLengthBytes, *length);
}

// The frame and what follows it, if that makes a run. How many bytes the guest has been given.
size_t NetStream::take_run(std::span<iovec const> parts, size_t room) {
    if (ahead().size() < frame_) return 0;
    if (!run_.begin(ahead().first(frame_), used_offloads_, room - sizeof(NetHeader))) return 0;
    size_t used = frame_;
    for (auto next = frame_ahead(used); next && run_.add(*next); next = frame_ahead(used))
        used += kLengthBytes + next->size();
    if (!run_.is_several()) return 0;
    run_.write(parts);
    ahead_used_ += used;
    in_frame_ = false;
    return sizeof(NetHeader) + run_.bytes();
}

// What has been read ahead is copied; the rest comes with one call to where it stays, and with it what is
// behind.
NetBackend::Transfer NetStream::read_frame(std::span<iovec const> parts) {
    slice_iovecs(parts, sizeof(NetHeader) + frame_has_, frame_ - frame_has_, parts_);
    size_t const copied = IovecWriter(parts_).write(ahead());
    ahead_used_ += copied;
    frame_has_ += copied;
    if (size_t const rest = frame_ - frame_has_; rest > 0) {
        slice_iovecs(parts, sizeof(NetHeader) + frame_has_, rest, parts_);
        ahead_used_ = ahead_end_ = 0;
        if (parts_.size() < IOV_MAX) parts_.push_back({ahead_.get(), kAheadBytes});
        auto const got = read();
        if (got.outcome != Outcome::kMoved) return got;
        frame_has_ += std::min(got.bytes, rest);
        if (got.bytes < rest) return {Outcome::kBlocked, 0};
        ahead_end_ = got.bytes - rest;
    }
    in_frame_ = false;
    NetHeader const header{};
    IovecWriter(parts).write(std::as_bytes(std::span(&header, 1)));
    return {Outcome::kMoved, sizeof(NetHeader) + frame_};
}

Outcome NetStream::lose_frame() {
    while (true) {
        size_t const here = std::min(ahead().size(), frame_ - frame_has_);
        ahead_used_ += here;
        frame_has_ += here;
        if (frame_has_ == frame_) break;
        if (auto const outcome = read_ahead(); outcome != Outcome::kMoved) return outcome;
    }
    in_frame_ = false;
    return Outcome::kRefused;
}

}  // namespace krun::vmm
