// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/vsock_connection.h"

#include <algorithm>
#include <utility>

#include "vmm/device/iovec_slice.h"

namespace krun::vmm {
namespace {

// The largest payload of one packet. Linux's guest buffers hold one page; a hostile chain may name the same
// page often, so guest RAM does not bound the sum.
constexpr size_t kMaxPayloadBytes = 64 * 1024;

}  // namespace

VsockConnection::VsockConnection(VsockPorts ports, VsockStream::Opener opener, StreamEnds ends,
                                 uint32_t window, EventLoop& loop, std::function<void()> const& changed)
    : done_(std::move(ends.done)),
      ports_(ports),
      duplex_socket_(same_socket(ends.to_guest, ends.from_guest)),
      stream_(opener, {.to_guest = ends.to_guest.valid(), .to_host = ends.from_guest.valid()}, window),
      source_(
          std::move(ends.to_guest), HostStream::Direction::kRead, loop,
          [this, changed] {
              source_ready_ = true;
              changed();  // may destroy *this
          },
          std::move(ends.gate)),
      sink_(std::move(ends.from_guest), HostStream::Direction::kWrite, loop,
            [this, changed] {
                drain();
                changed();  // may destroy *this
            }),
      backlog_(window) {}

void VsockConnection::on_packet(VsockHeader const& header, Chain const& chain) {
    if (stream_.on_packet(header)) deliver(chain, header.len);
    settle();
}

void VsockConnection::reset() {
    stream_.reset();
    settle();
}

bool VsockConnection::wants_buffer() const {
    return stream_.owes_control() || (source_ready_ && source_.open() && stream_.may_send() > 0);
}

void VsockConnection::fill(std::span<Chain const> chains, std::vector<uint32_t>& filled) {
    if (!stream_.owes_control()) fill_data(chains, filled);
    if (filled.empty()) {  // reading may just have found the end of the source
        if (auto const control = stream_.take_control())
            filled.push_back(put_header(chains.front(), control->op, control->flags, 0));
    }
    settle();
}

void VsockConnection::find_room(std::span<Chain const> chains) {
    size_t left = std::min<size_t>(stream_.may_send(), kMaxPayloadBytes);
    parts_.clear();
    for (auto const& chain : chains) {
        size_t const here = std::min(chain.writable_bytes() - sizeof(VsockHeader), left);
        slice_iovecs(chain.writable(), sizeof(VsockHeader), here, part_);
        parts_.insert(parts_.end(), part_.begin(), part_.end());
        left -= here;
    }
}

void VsockConnection::fill_data(std::span<Chain const> chains, std::vector<uint32_t>& filled) {
    if (!source_ready_) return;
    find_room(chains);
    if (parts_.empty()) return;
    auto const read = source_.transfer(parts_);
    if (read.outcome == HostStream::Outcome::kMoved) {
        stream_.sent(static_cast<uint32_t>(read.bytes));
        for (size_t left = read.bytes; left > 0;) {
            auto const& chain = chains[filled.size()];
            size_t const here = std::min(chain.writable_bytes() - sizeof(VsockHeader), left);
            auto const bytes = static_cast<uint32_t>(here);
            filled.push_back(put_header(chain, VsockOp::kData, 0, bytes) + bytes);
            left -= here;
        }
        return;
    }
    if (read.outcome == HostStream::Outcome::kBlocked) {
        source_ready_ = false;
        if (source_.wait()) return;
    }
    close_source();
    stream_.source_ended();
}

// Returns the header's size.
uint32_t VsockConnection::put_header(Chain const& chain, VsockOp op, uint32_t flags, uint32_t len) {
    VsockHeader header{.src_cid = kHostCid,
                       .dst_cid = kGuestCid,
                       .src_port = ports_.host,
                       .dst_port = ports_.guest,
                       .len = len,
                       .type = kVsockStream,
                       .op = static_cast<uint16_t>(op),
                       .flags = flags,
                       .buf_alloc = 0,
                       .fwd_cnt = 0};
    stream_.put_credit(header);
    return static_cast<uint32_t>(chain.copy_to(0, std::as_bytes(std::span(&header, 1))));
}

void VsockConnection::deliver(Chain const& chain, uint32_t bytes) {
    size_t const written = backlog_.empty() ? write_through(chain, bytes) : 0;
    if (sink_.open() && written < bytes) keep(chain, sizeof(VsockHeader) + written, bytes - written);
}

// Returns how many bytes the descriptor took; fewer than `bytes` if it has to be waited for, or ended.
size_t VsockConnection::write_through(Chain const& chain, uint32_t bytes) {
    size_t written = 0;
    while (written < bytes) {
        slice_iovecs(chain.readable(), sizeof(VsockHeader) + written, bytes - written, part_);
        auto const moved = sink_.transfer(part_);
        if (moved.outcome == HostStream::Outcome::kMoved) {
            written += moved.bytes;
            stream_.delivered(static_cast<uint32_t>(moved.bytes));
            continue;
        }
        if (moved.outcome == HostStream::Outcome::kBlocked && sink_.wait()) break;
        close_sink();
        stream_.sink_gone();
        break;
    }
    return written;
}

// The window bounds what can be waiting, so there is always room.
void VsockConnection::keep(Chain const& chain, size_t offset, size_t bytes) {
    while (bytes > 0) {
        auto const to = backlog_.back();
        size_t const n = chain.copy_from(offset, to.first(std::min(to.size(), bytes)));
        if (n == 0) return;
        backlog_.commit(n);
        offset += n;
        bytes -= n;
    }
}

void VsockConnection::drain() {
    while (!backlog_.empty()) {
        auto const from = backlog_.front();
        // writev's iovec is not const, though it only reads.
        iovec const part{const_cast<std::byte*>(from.data()), from.size()};
        auto const moved = sink_.transfer({&part, 1});
        if (moved.outcome == HostStream::Outcome::kMoved) {
            backlog_.consume(moved.bytes);
            stream_.delivered(static_cast<uint32_t>(moved.bytes));
            continue;
        }
        if (moved.outcome == HostStream::Outcome::kBlocked && sink_.wait()) return;
        close_sink();
        stream_.sink_gone();
    }
    settle();
}

// Closes what has ended, so that the other side of each descriptor hears of it.
void VsockConnection::settle() {
    if (!stream_.guest_reads()) close_source();
    if (stream_.guest_sends() && !stream_.over()) return;
    if (!backlog_.empty()) return;
    close_sink();
    stream_.sink_finished();
}

void VsockConnection::close_source() {
    duplex_socket_ ? source_.shut_down() : source_.close();
}

void VsockConnection::close_sink() {
    backlog_.clear();
    duplex_socket_ ? sink_.shut_down() : sink_.close();
}

}  // namespace krun::vmm
