// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/netlink.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace krun::runtime {
namespace {

// The kernel puts as many messages of a list into one datagram as the reader has room for, up to this.
constexpr size_t kReadBytes = 32768;

Error answer_error(int error, char const* what) {
    errno = error;
    return Error::sys(what);
}

Result<void> send_all(BorrowedFd socket, std::vector<std::byte> const& bytes, char const* what) {
    ssize_t const n = ::send(socket.raw(), bytes.data(), bytes.size(), 0);
    if (n != static_cast<ssize_t>(bytes.size())) return fail(Error::sys(what));
    return {};
}

// One message of a datagram, which gets shorter by it; nullopt at the end.
std::optional<NetlinkMessage> take_message(std::span<std::byte const>& datagram) {
    auto const header = ByteReader(datagram).take<nlmsghdr>();
    if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > datagram.size())
        return std::nullopt;
    auto const body = datagram.subspan(sizeof(nlmsghdr), header->nlmsg_len - sizeof(nlmsghdr));
    datagram = datagram.subspan(std::min<size_t>(NLMSG_ALIGN(header->nlmsg_len), datagram.size()));
    return NetlinkMessage{header->nlmsg_type, std::vector<std::byte>(body.begin(), body.end())};
}

}  // namespace

NetlinkRequest& NetlinkRequest::put(uint16_t attribute, std::span<std::byte const> value) {
    append(nlattr{static_cast<uint16_t>(sizeof(nlattr) + value.size()), attribute});
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
    return *this;
}

NetlinkRequest& NetlinkRequest::put(uint16_t attribute, std::string_view text) {
    std::string const terminated(text);
    return put(attribute, std::as_bytes(std::span(terminated.c_str(), terminated.size() + 1)));
}

size_t NetlinkRequest::begin(uint16_t attribute) {
    size_t const begun = bytes_.size();
    append(nlattr{0, static_cast<uint16_t>(attribute | NLA_F_NESTED)});
    return begun;
}

void NetlinkRequest::end(size_t begun) {
    auto const length = static_cast<uint16_t>(bytes_.size() - begun);
    std::memcpy(bytes_.data() + begun, &length, sizeof length);  // nlattr::nla_len
}

std::vector<std::byte> NetlinkRequest::bytes() const {
    auto out = bytes_;
    auto const length = static_cast<uint32_t>(out.size());
    std::memcpy(out.data(), &length, sizeof length);  // nlmsghdr::nlmsg_len
    return out;
}

uint16_t NetlinkRequest::type() const {
    return ByteReader(bytes_).take<nlmsghdr>()->nlmsg_type;
}

std::string_view NetlinkAttribute::text() const {
    std::string_view const all(reinterpret_cast<char const*>(value.data()), value.size());
    return all.substr(0, all.find('\0'));
}

std::vector<NetlinkAttribute> netlink_attributes(std::span<std::byte const> bytes) {
    std::vector<NetlinkAttribute> out;
    while (auto const header = ByteReader(bytes).take<nlattr>()) {
        if (header->nla_len < sizeof(nlattr) || header->nla_len > bytes.size()) break;
        auto const type = static_cast<uint16_t>(header->nla_type & NLA_TYPE_MASK);
        out.push_back({type, bytes.subspan(sizeof(nlattr), header->nla_len - sizeof(nlattr))});
        bytes = bytes.subspan(std::min<size_t>(NLA_ALIGN(header->nla_len), bytes.size()));
    }
    return out;
}

std::vector<NetlinkAttribute> NetlinkMessage::attributes_after(size_t offset) const {
    return netlink_attributes(std::span(body).subspan(std::min(offset, body.size())));
}

Result<Netlink> Netlink::open() {
    UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!socket.valid()) return fail(Error::sys("open a netlink socket"));
    return Netlink(std::move(socket));
}

Result<void> Netlink::carry_out(NetlinkRequest const& request, char const* what) const {
    auto bytes = request.bytes();
    reinterpret_cast<nlmsghdr*>(bytes.data())->nlmsg_flags |= NLM_F_ACK;
    TRY(send_all(socket_.borrow(), bytes, what));
    std::vector<std::byte> answer(kReadBytes);
    ssize_t const n = ::recv(socket_.borrow().raw(), answer.data(), answer.size(), 0);
    if (n < 0) return fail(Error::sys(what));
    std::span<std::byte const> datagram = std::span(answer).first(static_cast<size_t>(n));
    auto const message = take_message(datagram);
    auto const error = message ? message->header<nlmsgerr>() : std::nullopt;
    if (!error || message->type != NLMSG_ERROR) return fail(Error(Errc::kInternal, what));
    if (error->error != 0) return fail(answer_error(-error->error, what));
    return {};
}

Result<std::vector<NetlinkMessage>> Netlink::list(NetlinkRequest const& request, char const* what) const {
    TRY(send_all(socket_.borrow(), request.bytes(), what));
    std::vector<NetlinkMessage> out;
    std::vector<std::byte> buffer(kReadBytes);
    while (true) {
        ssize_t const n = ::recv(socket_.borrow().raw(), buffer.data(), buffer.size(), 0);
        if (n <= 0) return fail(Error::sys(what));
        std::span<std::byte const> datagram = std::span(buffer).first(static_cast<size_t>(n));
        while (auto message = take_message(datagram)) {
            if (message->type == NLMSG_DONE) return out;
            auto const error = message->header<nlmsgerr>();
            if (message->type == NLMSG_ERROR)
                return fail(answer_error(error ? -error->error : EBADMSG, what));
            out.push_back(std::move(*message));
        }
    }
}

}  // namespace krun::runtime
