// SPDX-License-Identifier: Apache-2.0
#include "init/network.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "config-gen/control_protocol.h"
#include "init/bus.h"

namespace krun::init {
namespace {

Error bad_record() {
    return Error(Errc::kInternal, "the host has sent a broken description of the network");
}

Result<void> write_to(std::string const& path, std::string_view text) {
    auto const file = TRY(open_path(path, O_WRONLY));
    return write_full(file.borrow(), text);
}

// The one entry of a directory of /sys that begins with `prefix`.
Result<std::string> entry_of(std::string const& path, std::string_view prefix) {
    std::string found;
    if (DIR* const dir = ::opendir(path.c_str())) {
        while (dirent const* const entry = ::readdir(dir))
            if (entry->d_name[0] != '.' && std::string_view(entry->d_name).starts_with(prefix))
                found = entry->d_name;
        ::closedir(dir);
    }
    if (found.empty()) return fail(Error(Errc::kUnsupported, "the guest's kernel has no driver for it"));
    return path + "/" + found;
}

class NetworkSetup {
public:
    explicit NetworkSetup(UniqueFd netlink) : netlink_(std::move(netlink)) {}
    std::vector<HeldLease> leases() && { return std::move(leases_); }

    Result<void> carry_out(control::NetworkRecord const& record, ByteReader& reader) {
        auto const fixups = reader.take_bytes(record.fixups * sizeof(control::NetworkFixup));
        auto const content = reader.take_text(record.content_bytes);
        if (!fixups || !content) return fail(bad_record());
        switch (static_cast<control::NetworkRecordKind>(record.kind)) {
            case control::NetworkRecordKind::kPlugged:
                return find(
                    ByteReader(std::as_bytes(std::span(*content))).take<uint32_t>().value_or(UINT32_MAX));
            case control::NetworkRecordKind::kRequest:
                return request(std::string(*content), ByteReader(*fixups));
            case control::NetworkRecordKind::kSysctl:
                return set(*content);
            case control::NetworkRecordKind::kTrySysctl:
                ignore(set(*content), "the host's kernel knows more than this one");
                return {};
            case control::NetworkRecordKind::kDhcp:
                return ask(
                    ByteReader(std::as_bytes(std::span(*content))).take<uint32_t>().value_or(UINT32_MAX));
        }
        return fail(bad_record());
    }

private:
    Result<void> find(uint32_t number) {
        auto const text = std::to_string(number);
        TRY_WITH(find_device(number), "find network device " + text);
        auto const virtio = TRY(entry_of("/sys/bus/platform/devices/virtio-mmio." + text, "virtio"));
        auto const name = TRY(entry_of(virtio + "/net", ""));
        ifreq wanted{};
        name.copy(wanted.ifr_name, IFNAMSIZ - 1, name.rfind('/') + 1);
        if (::ioctl(netlink_.borrow().raw(), SIOCGIFINDEX, &wanted) < 0)
            return fail(Error::sys("find network interface"));
        interfaces_.push_back(wanted.ifr_ifindex);
        return {};
    }

    Result<void> request(std::string message, ByteReader fixups) {
        while (auto const fixup = fixups.take<control::NetworkFixup>()) {
            if (fixup->interface >= interfaces_.size() || fixup->offset + sizeof(int) > message.size())
                return fail(bad_record());
            std::memcpy(message.data() + fixup->offset, &interfaces_[fixup->interface], sizeof(int));
        }
        if (message.size() < sizeof(nlmsghdr)) return fail(bad_record());
        int const socket = netlink_.borrow().raw();
        struct {
            nlmsghdr header;
            nlmsgerr error;
        } answer;
        // The kernel answers before send() returns.
        if (::send(socket, message.data(), message.size(), 0) < 0 ||
            ::recv(socket, &answer, sizeof answer, 0) < static_cast<ssize_t>(sizeof answer))
            return fail(Error::sys("configure the network"));
        errno = -answer.error.error;
        // A route may be there by now: interfaces are up already, and a router may have told of itself.
        if (errno == 0 || errno == EEXIST) return {};
        return fail(Error::sys("configure the network: request of type " +
                               std::to_string(answer.error.msg.nlmsg_type)));
    }

    Result<void> ask(uint32_t interface) {
        if (interface >= interfaces_.size()) return fail(bad_record());
        if (auto held = TRY(configure_by_dhcp(interfaces_[interface]))) leases_.push_back(std::move(*held));
        return {};
    }

    static Result<void> set(std::string_view text) {
        std::string const key(text.substr(0, text.find('=')));
        if (key.size() == text.size()) return fail(bad_record());
        return write_to("/proc/sys/" + key, text.substr(key.size() + 1));
    }

    UniqueFd netlink_;
    std::vector<int> interfaces_;
    std::vector<HeldLease> leases_;
};

}  // namespace

Result<void> bring_up_loopback() {
    UniqueFd const socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail(Error::sys("open a socket for the loopback interface"));
    // The kernel adds 127.0.0.1 and ::1 itself when the interface comes up.
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    if (::ioctl(socket.borrow().raw(), SIOCSIFFLAGS, &request) < 0)
        return fail(Error::sys("bring up the loopback interface"));
    return {};
}

Result<std::vector<HeldLease>> set_up_network(std::span<std::byte const> records) {
    UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!netlink.valid()) return fail(Error::sys("configure the network"));
    NetworkSetup setup(std::move(netlink));
    ByteReader reader(records);
    while (auto const record = reader.take<control::NetworkRecord>()) TRY(setup.carry_out(*record, reader));
    if (reader.left() != 0) return fail(bad_record());
    return std::move(setup).leases();
}

}  // namespace krun::init
