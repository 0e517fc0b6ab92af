// SPDX-License-Identifier: Apache-2.0
#include "init/stream_stash.h"

#include <algorithm>

namespace krun::init {

void StreamStash::add(StreamConnection connection) {
    uint32_t const process = connection.name.process, stream = connection.name.stream;
    if (closed(process)) return;
    waiting_[process].try_emplace(stream, std::move(connection.fd));
}

bool StreamStash::has_all(uint32_t process, std::span<uint32_t const> streams) const {
    auto const it = waiting_.find(process);
    if (it == waiting_.end()) return false;
    return std::all_of(streams.begin(), streams.end(), [&](uint32_t n) { return it->second.contains(n); });
}

Connections StreamStash::take(uint32_t process) {
    Connections out;
    if (auto const it = waiting_.find(process); it != waiting_.end()) {
        out = std::move(it->second);
        waiting_.erase(it);
    }
    if (!closed(process)) closed_.insert(process);
    while (closed_.erase(all_closed_below_) != 0) ++all_closed_below_;
    return out;
}

}  // namespace krun::init
