// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/tap.h"

#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "vmm/device/net_protocol.h"

namespace krun::vmm {
namespace {

struct Offload {
    uint64_t feature;  // of what the guest can be given
    unsigned flag;
};
constexpr Offload kOffloads[] = {
    {kNetFeatureGuestCsum, TUN_F_CSUM},
    {kNetFeatureGuestTso4, TUN_F_TSO4},
    {kNetFeatureGuestTso6, TUN_F_TSO6},
    {kNetFeatureGuestEcn, TUN_F_TSO_ECN},
};

NetBackend::Outcome failed_with(int error) {
    if (error == EAGAIN || error == EINTR) return NetBackend::Outcome::kBlocked;
    // The interface has gone, with its namespace.
    if (error == EBADFD) return NetBackend::Outcome::kEnded;
    return NetBackend::Outcome::kRefused;
}

}  // namespace

uint64_t Tap::offloads() const {
    return kNetGuestOffloads | kNetHostOffloads;
}

Result<void> Tap::use(uint64_t offloads) {
    unsigned long flags = 0;
    for (auto const& one : kOffloads)
        if ((offloads & one.feature) != 0) flags |= one.flag;
    if (::ioctl(queue_.borrow().raw(), TUNSETOFFLOAD, flags) < 0)
        return fail(Error::sys("set a tap interface's offloads"));
    return {};
}

Result<void> Tap::attach(bool on) {
    ifreq request{};
    request.ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE;
    if (::ioctl(queue_.borrow().raw(), TUNSETQUEUE, &request) < 0)
        return fail(Error::sys("attach or detach a tap interface's queue"));
    return {};
}

NetBackend::Outcome Tap::send(std::span<iovec const> parts) {
    ssize_t const n = ::writev(queue_.borrow().raw(), parts.data(), static_cast<int>(parts.size()));
    return n >= 0 ? Outcome::kMoved : failed_with(errno);
}

NetBackend::Transfer Tap::receive(std::span<iovec const> parts) {
    ssize_t const n = ::readv(queue_.borrow().raw(), parts.data(), static_cast<int>(parts.size()));
    if (n >= 0) return {Outcome::kMoved, static_cast<size_t>(n)};
    return {failed_with(errno), 0};
}

}  // namespace krun::vmm
