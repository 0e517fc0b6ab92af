// SPDX-License-Identifier: Apache-2.0
#include "init/dhcp.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>

#include "base/unique_fd.h"
#include "init/dhcp_message.h"
#include "init/log.h"

namespace krun::init {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How long an answer to each question is waited for.
constexpr milliseconds kPatience[] = {milliseconds(1000), milliseconds(2000), milliseconds(2000)};
constexpr size_t kMaxPacket = 1500;

sockaddr_ll everybody(int interface) {
    sockaddr_ll out{};
    out.sll_family = AF_PACKET;
    out.sll_protocol = htons(ETH_P_IP);
    out.sll_ifindex = interface;
    out.sll_halen = ETH_ALEN;
    std::fill_n(out.sll_addr, ETH_ALEN, uint8_t{0xff});
    return out;
}

class Exchange {
public:
    static Result<Exchange> open(int interface, std::array<uint8_t, 6> const& mac) {
        UniqueFd socket(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_IP)));
        auto const address = everybody(interface);
        if (!socket.valid() ||
            ::bind(socket.borrow().raw(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
            return fail(Error::sys("open a socket for DHCP"));
        DhcpClient client{mac, 0};
        ignore(::getrandom(&client.transaction, sizeof client.transaction, 0), "any number will do");
        return Exchange(std::move(socket), interface, client);
    }

    // RFC 2131 §3.1; RFC 4039: the answer to the first question may be the last word.
    std::optional<DhcpLease> lease() const {
        for (auto const patience : kPatience) {
            auto reply = ask(discover_message(client_), patience);
            if (reply && reply->type == DhcpType::kOffer)
                reply = ask(request_message(client_, reply->lease), patience);
            if (reply && reply->type == DhcpType::kAck) return reply->lease;
        }
        return std::nullopt;
    }

private:
    Exchange(UniqueFd socket, int interface, DhcpClient const& client)
        : socket_(std::move(socket)), interface_(interface), client_(client) {}

    std::optional<DhcpReply> ask(std::vector<std::byte> const& question, milliseconds patience) const {
        auto const to = everybody(interface_);
        ::sendto(socket_.borrow().raw(), question.data(), question.size(), 0,
                 reinterpret_cast<sockaddr const*>(&to), sizeof to);
        auto const end = Clock::now() + patience;
        while (wait_until(end))
            if (auto reply = read()) return reply;
        return std::nullopt;
    }

    bool wait_until(Clock::time_point end) const {
        auto const left = std::chrono::ceil<milliseconds>(end - Clock::now()).count();
        pollfd watched{socket_.borrow().raw(), POLLIN, 0};
        return left > 0 && ::poll(&watched, 1, static_cast<int>(left)) > 0;
    }

    std::optional<DhcpReply> read() const {
        std::array<std::byte, kMaxPacket> packet;
        ssize_t const n = ::recv(socket_.borrow().raw(), packet.data(), packet.size(), MSG_TRUNC);
        if (n < 0 || static_cast<size_t>(n) > packet.size()) return std::nullopt;
        return read_reply(std::span(packet).first(static_cast<size_t>(n)), client_);
    }

    UniqueFd socket_;
    int interface_;
    DhcpClient client_;
};

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

Result<void> configure_by_dhcp(int number) {
    auto const interface = TRY(Interface::find(number));
    auto const mac = TRY(interface.mac());
    auto const exchange = TRY(Exchange::open(number, mac));
    auto const lease = exchange.lease();
    if (lease) return interface.configure(*lease);
    log_error("network: nobody gives " + interface.name() + " an address by DHCP");
    return {};
}

}  // namespace krun::init
