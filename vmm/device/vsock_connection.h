// SPDX-License-Identifier: Apache-2.0
// One vsock stream and the host descriptors it is bridged to: moves bytes between descriptor chains and
// descriptors, as VsockStream allows. Data for the guest is read straight into its buffers. Data of the guest
// is written straight from its buffers, and only what a slow reader leaves is kept, at most a window's worth.
// The device's thread only.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "vmm/device/byte_queue.h"
#include "vmm/device/host_stream.h"
#include "vmm/device/vsock_stream.h"
#include "vmm/machine_spec.h"
#include "vmm/virtio/chain.h"

namespace krun::vmm {

class VsockConnection {
public:
    // `window`: the most bytes that are kept for a slow reader. `changed` is called from `loop` when
    // wants_buffer() or finished() may have become true.
    VsockConnection(VsockPorts ports, VsockStream::Opener opener, StreamEnds ends, uint32_t window,
                    EventLoop& loop, std::function<void()> const& changed);

    VsockPorts ports() const { return ports_; }

    // A packet of the guest: `header` is our copy of what `chain` begins with, and its payload is proved to
    // be inside the chain's readable part.
    void on_packet(VsockHeader const& header, Chain const& chain);
    // The guest's packet was none.
    void reset();

    // Whether there may be something to put into a buffer of the guest.
    bool wants_buffer() const;
    // Puts packets into the first of `chains`, each of which has room for a header and at least one byte; in
    // `filled` the bytes of each. None if there was nothing after all.
    void fill(std::span<Chain const> chains, std::vector<uint32_t>& filled);

    // The guest knows no such stream any more: its ports are free. Bytes may still wait for a slow reader.
    bool detached() const { return stream_.over(); }
    // Nothing is left to do.
    bool finished() const { return detached() && !sink_.open(); }

private:
    void fill_data(std::span<Chain const> chains, std::vector<uint32_t>& filled);
    // Where the payload of the first of `chains` goes, as much as may be sent.
    void find_room(std::span<Chain const> chains);
    uint32_t put_header(Chain const& chain, VsockOp op, uint32_t flags, uint32_t len);
    void deliver(Chain const& chain, uint32_t bytes);
    size_t write_through(Chain const& chain, uint32_t bytes);
    void keep(Chain const& chain, size_t offset, size_t bytes);
    void drain();
    void settle();
    void close_source();
    void close_sink();

    UniqueFd done_;  // born first, so closed last: when it hangs up, everything has been written
    VsockPorts ports_;
    bool duplex_socket_;  // decided before the descriptors move into the two streams below
    VsockStream stream_;
    HostStream source_;
    HostStream sink_;
    bool source_ready_ = true;
    ByteQueue backlog_;
    std::vector<iovec> part_, parts_;  // scratch, so that the data path does not allocate
};

}  // namespace krun::vmm
