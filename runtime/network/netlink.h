// SPDX-License-Identifier: Apache-2.0
// Requests of rtnetlink(7) and their answers. A request can be sent to this kernel, or kept as bytes for
// another one. One thread; calls block, but only on the kernel.
#pragma once
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

class NetlinkRequest {
public:
    // `family_header` is what the type's messages begin with: ifinfomsg, ifaddrmsg, rtmsg, ndmsg, tcmsg.
    template <class Header>
    NetlinkRequest(uint16_t type, uint16_t flags, Header const& family_header) {
        append(nlmsghdr{.nlmsg_len = 0,
                        .nlmsg_type = type,
                        .nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags),
                        .nlmsg_seq = 0,
                        .nlmsg_pid = 0});
        append(family_header);
    }

    NetlinkRequest& put(uint16_t attribute, std::span<std::byte const> value);
    NetlinkRequest& put(uint16_t attribute, std::string_view text);  // with the NUL that the kernel expects
    template <class Value>
    requires std::is_trivially_copyable_v<Value> &&
        (!std::is_convertible_v<Value, std::string_view>)NetlinkRequest& put(uint16_t attribute,
                                                                             Value const& value) {
        return put(attribute, std::as_bytes(std::span(&value, 1)));
    }
    // Attributes inside an attribute, until end() of what begin() returned.
    size_t begin(uint16_t attribute);
    void end(size_t begun);

    // Where the value of the next attribute will be in bytes().
    size_t next_value() const { return bytes_.size() + sizeof(nlattr); }
    std::vector<std::byte> bytes() const;
    uint16_t type() const;

private:
    template <class Value>
    void append(Value const& value) {
        auto const bytes = std::as_bytes(std::span(&value, 1));
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        bytes_.resize(NLMSG_ALIGN(bytes_.size()));
    }
    std::vector<std::byte> bytes_;
};

struct NetlinkAttribute {
    uint16_t type;  // without NLA_F_NESTED
    std::span<std::byte const> value;

    template <class Value>
    std::optional<Value> as() const {
        return ByteReader(value).take<Value>();
    }
    std::string_view text() const;  // up to its NUL
};

struct NetlinkMessage {
    uint16_t type = 0;
    std::vector<std::byte> body{};  // the family's header and attributes

    template <class Header>
    std::optional<Header> header() const {
        return ByteReader(body).take<Header>();
    }
    // What follows a family's header of this type.
    template <class Header>
    std::vector<NetlinkAttribute> attributes() const {
        return attributes_after(NLMSG_ALIGN(sizeof(Header)));
    }

private:
    std::vector<NetlinkAttribute> attributes_after(size_t offset) const;
};

// Those of a nested attribute, too. What is not whole ends the list.
std::vector<NetlinkAttribute> netlink_attributes(std::span<std::byte const> bytes);

class Netlink {
public:
    // In the network namespace of the caller at this moment, whichever it is in later.
    static Result<Netlink> open();
    // Has it carried out. sys_errno() is the kernel's answer.
    Result<void> carry_out(NetlinkRequest const& request, char const* what) const;
    // All messages that a request with NLM_F_DUMP is answered with.
    Result<std::vector<NetlinkMessage>> list(NetlinkRequest const& request, char const* what) const;

    BorrowedFd fd() const { return socket_.borrow(); }

private:
    explicit Netlink(UniqueFd socket) : socket_(std::move(socket)) {}
    UniqueFd socket_;
};

}  // namespace krun::runtime
