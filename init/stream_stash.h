// SPDX-License-Identifier: Apache-2.0
// Connections that the host has opened for processes that are not set up yet: a stream and the frame that
// names its process may arrive in either order. And which processes there have been.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <span>

#include "init/stdio.h"
#include "init/stream_listener.h"

namespace krun::init {

class StreamStash {
public:
    // Keeps the connection, or closes it: a second one for a stream, and one for a process that has its
    // streams or has ended.
    void add(StreamConnection connection);
    bool has_all(uint32_t process, std::span<uint32_t const> streams) const;
    // Hands over what the process has; later connections for it are closed.
    Connections take(uint32_t process);
    // No such process has been yet.
    bool open(uint32_t process) const { return !closed(process); }
    // Nothing more is kept for `process`.
    void close(uint32_t process) { static_cast<void>(take(process)); }

private:
    bool closed(uint32_t process) const { return process < all_closed_below_ || closed_.contains(process); }

    std::map<uint32_t, Connections> waiting_;
    // Hosts number processes one after the other, so that the set stays small.
    uint32_t all_closed_below_ = 0;
    std::set<uint32_t> closed_;
};

}  // namespace krun::init
