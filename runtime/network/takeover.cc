// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/takeover.h"

#include <sys/file.h>

#include <functional>
#include <iterator>

#include "base/fd.h"
#include "runtime/network/redirect.h"
#include "vmm/device/net_packet.h"

namespace krun::runtime {
namespace {

using Take = std::function<Result<std::vector<UniqueFd>>(HostInterface const&)>;

// All or none.
Result<std::vector<UniqueFd>> take_each(Netlink const& netlink, std::vector<HostInterface> const& interfaces,
                                        Take const& take) {
    std::vector<UniqueFd> out;
    for (auto one = interfaces.begin(); one != interfaces.end(); ++one) {
        auto taken = take(*one);
        if (taken.ok()) {
            std::move(taken.value().begin(), taken.value().end(), std::back_inserter(out));
            continue;
        }
        for (auto done = interfaces.begin(); done != one; ++done) remove_redirection(netlink, *done);
        return fail(std::move(taken).error());
    }
    return out;
}

// The own stack is silenced first: it must not answer what the guest is going to.
Result<std::vector<UniqueFd>> listen_at(Netlink const& netlink, HostInterface const& interface,
                                        BorrowedFd lock) {
    TRY(keep_from_own_stack(netlink, interface));
    auto socket = vmm::NetPacket::open(static_cast<int>(interface.index));
    auto kept = duplicate(lock);
    if (socket.ok() && kept.ok()) {
        std::vector<UniqueFd> out;
        out.push_back(std::move(socket).value());
        out.push_back(std::move(kept).value());
        return out;
    }
    remove_redirection(netlink, interface);
    return fail((socket.ok() ? std::move(kept).error() : std::move(socket).error()).with("network"));
}

Error another_has(HostInterface const& interface) {
    return Error(Errc::kBadState, "network: another machine has " + interface.name);
}

Result<std::vector<UniqueFd>> listen_at_each(Netlink const& netlink,
                                             std::vector<HostInterface> const& interfaces, BorrowedFd ns) {
    for (auto const& one : interfaces)
        if (tap_of(netlink, one).ok()) return fail(another_has(one));
    if (::flock(ns.raw(), LOCK_EX | LOCK_NB) < 0) return fail(another_has(interfaces.front()));
    return take_each(netlink, interfaces,
                     [&](HostInterface const& one) { return listen_at(netlink, one, ns); });
}

}  // namespace

Result<TakenInterfaces> take_interfaces(Netlink const& netlink, std::vector<HostInterface> const& interfaces,
                                        BorrowedFd ns, uint32_t queues) {
    if (are_taken(ns)) return fail(another_has(interfaces.front()));
    auto taps = take_each(netlink, interfaces,
                          [&](HostInterface const& one) { return redirect_to_tap(netlink, one, queues); });
    if (taps.ok()) return TakenInterfaces{NetworkBackend::kTap, std::move(taps).value(), {}};
    if (taps.error().code() != Errc::kUnsupported) return fail(std::move(taps).error());
    auto sockets = TRY(listen_at_each(netlink, interfaces, ns));
    return TakenInterfaces{NetworkBackend::kPacket, std::move(sockets),
                           taps.error().message() + "; by packet sockets instead"};
}

bool are_taken(BorrowedFd ns) {
    if (::flock(ns.raw(), LOCK_SH | LOCK_NB) < 0) return true;
    ignore(::flock(ns.raw(), LOCK_UN), "it is ours");
    return false;
}

}  // namespace krun::runtime
