// SPDX-License-Identifier: Apache-2.0
#include "init/dhcp.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstring>
#include <string>

#include "base/unique_fd.h"
#include "init/dhcp_message.h"
#include "init/dhcp_socket.h"
#include "init/log.h"

namespace krun::init {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How long an answer to each question is waited for.
constexpr milliseconds kPatience[] = {milliseconds(1000), milliseconds(2000), milliseconds(2000)};

bool wait_until(DhcpSocket const& socket, Clock::time_point end) {
    auto const left = std::chrono::ceil<milliseconds>(end - Clock::now()).count();
    pollfd watched{socket.fd().raw(), POLLIN, 0};
    return left > 0 && ::poll(&watched, 1, static_cast<int>(left)) > 0;
}

std::optional<DhcpReply> ask(DhcpSocket const& socket, DhcpClient const& client,
                             std::vector<std::byte> const& question, milliseconds patience) {
    socket.send(question);
    auto const end = Clock::now() + patience;
    while (wait_until(socket, end))
        if (auto reply = socket.receive(client)) return reply;
    return std::nullopt;
}

// RFC 2131 §3.1; RFC 4039: the answer to the first question may be the last word.
std::optional<DhcpLease> obtain(DhcpSocket const& socket, DhcpClient const& client) {
    for (auto const patience : kPatience) {
        auto reply = ask(socket, client, discover_message(client), patience);
        if (reply && reply->type == DhcpType::kOffer)
            reply = ask(socket, client, request_message(client, reply->lease), patience);
        if (reply && reply->type == DhcpType::kAck) return reply->lease;
    }
    return std::nullopt;
}

// One interface, by ioctl (netdevice(7)).
class Interface {
public:
    static Result<Interface> find(int number) {
        UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ifreq request{};
        request.ifr_ifindex = number;
        if (!socket.valid() || ::ioctl(socket.borrow().raw(), SIOCGIFNAME, &request) < 0)
            return fail(Error::sys("find network interface"));
        return Interface(std::move(socket), request.ifr_name);
    }

    std::string const& name() const { return name_; }
    Result<std::array<uint8_t, 6>> mac() const {
        ifreq request = named();
        TRY(change(SIOCGIFHWADDR, request, "read a MAC address"));
        std::array<uint8_t, 6> out{};
        std::memcpy(out.data(), request.ifr_hwaddr.sa_data, out.size());
        return out;
    }
    Result<void> configure(DhcpLease const& lease) const {
        TRY(set_address(SIOCSIFADDR, lease.address));
        TRY(set_address(SIOCSIFNETMASK, lease.mask));
        if (lease.mtu != 0) {
            ifreq request = named();
            request.ifr_mtu = lease.mtu;
            ignore(change(SIOCSIFMTU, request, ""), "more than the device can do");
        }
        if (lease.router == 0) return {};
        // A router need not be within the mask.
        if (((lease.router ^ lease.address) & lease.mask) != 0)
            TRY(add_route(lease.router, INADDR_BROADCAST, 0));
        return add_route(0, 0, lease.router);
    }

private:
    Interface(UniqueFd socket, std::string name) : socket_(std::move(socket)), name_(std::move(name)) {}

    ifreq named() const {
        ifreq out{};
        name_.copy(out.ifr_name, IFNAMSIZ - 1);
        return out;
    }
    template <class Request>
    Result<void> change(unsigned long what, Request& request, char const* text) const {
        if (::ioctl(socket_.borrow().raw(), what, &request) < 0) return fail(Error::sys(text));
        return {};
    }
    static void put(sockaddr& out, uint32_t address) {
        sockaddr_in const in{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {address}, .sin_zero = {}};
        std::memcpy(&out, &in, sizeof out);
    }
    Result<void> set_address(unsigned long what, uint32_t address) const {
        ifreq request = named();
        put(request.ifr_addr, address);
        return change(what, request, "set the address that DHCP gave");
    }
    Result<void> add_route(uint32_t to, uint32_t mask, uint32_t router) const {
        rtentry request{};
        put(request.rt_dst, to);
        put(request.rt_genmask, mask);
        put(request.rt_gateway, router);
        request.rt_flags = static_cast<unsigned short>(RTF_UP | (router != 0 ? RTF_GATEWAY : RTF_HOST));
        request.rt_dev = const_cast<char*>(name_.c_str());
        return change(SIOCADDRT, request, "set the route that DHCP gave");
    }

    UniqueFd socket_;
    std::string name_;
};

}  // namespace

Result<std::optional<HeldLease>> configure_by_dhcp(int number) {
    auto const interface = TRY(Interface::find(number));
    auto const mac = TRY(interface.mac());
    auto const socket = TRY(DhcpSocket::open(number));
    auto const lease = obtain(socket, DhcpClient::with(mac));
    if (!lease) {
        log_error("network: nobody gives " + interface.name() + " an address by DHCP");
        return std::optional<HeldLease>();
    }
    TRY(interface.configure(*lease));
    return std::optional(HeldLease{number, interface.name(), mac, *lease});
}

}  // namespace krun::init
