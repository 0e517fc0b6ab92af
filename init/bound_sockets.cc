// SPDX-License-Identifier: Apache-2.0
#include "init/bound_sockets.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/fd.h"
#include "config-gen/control_protocol.h"
#include "init/log.h"

namespace krun::init {

BoundSockets::~BoundSockets() {
    for (auto const& listener : listeners_) loop_.remove(listener.socket.borrow());
}

Result<void> BoundSockets::add(uint32_t number, UniqueFd socket) {
    TRY(set_nonblocking(socket.borrow(), true));
    auto const& listener = listeners_.emplace_back(Listener{number, std::move(socket)});
    return loop_.add(listener.socket.borrow(), EPOLLIN, [this, &listener](uint32_t) { accept(listener); });
}

// One a turn, so that nobody who connects without end keeps the loop.
void BoundSockets::accept(Listener const& listener) {
    UniqueFd local(::accept4(listener.socket.borrow().raw(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!local.valid()) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) listen(false);
        return;
    }
    uint32_t const connection = next_++ % control::kMaxProcesses;
    waiting_[connection] = std::move(local);
    if (waiting_.size() + pairs_.size() >= kMaxConnections) listen(false);
    ask_(connection, listener.number);
}

void BoundSockets::listen(bool wanted) {
    if (std::exchange(listening_, wanted) == wanted) return;
    for (auto const& listener : listeners_)
        ignore(loop_.modify(listener.socket.borrow(), wanted ? uint32_t{EPOLLIN} : 0), "it is watched");
}

void BoundSockets::opened(uint32_t connection, UniqueFd host) {
    auto const found = waiting_.extract(connection);
    if (found.empty()) return;
    if (auto const carried = carry(std::move(found.mapped()), std::move(host)); !carried.ok())
        log_error("relay for a socket of the host's: " + carried.error().message());
}

void BoundSockets::refused(uint32_t connection) {
    waiting_.erase(connection);
    listen(true);
}

bool BoundSockets::owes() const {
    return !waiting_.empty() || std::any_of(pairs_.begin(), pairs_.end(),
                                            [](Pair const& pair) { return pair.out->owed_bytes() > 0; });
}

Result<void> BoundSockets::carry(UniqueFd local, UniqueFd host) {
    std::erase_if(pairs_, [](Pair const& pair) { return pair.in->done() && pair.out->done(); });
    auto local_sink = TRY(duplicate(local.borrow()));
    auto host_source = TRY(duplicate(host.borrow()));
    auto const done = [this] { listen(true); };
    auto in = TRY(Relay::make(loop_, std::move(host_source), std::move(local_sink), done));
    auto out = TRY(Relay::make(loop_, std::move(local), std::move(host), done));
    pairs_.push_back({std::move(in), std::move(out)});
    return {};
}

}  // namespace krun::init
