// SPDX-License-Identifier: Apache-2.0
#include "oci/network_annotation.h"

#include <sys/un.h>

#include <charconv>
#include <span>
#include <string_view>

#include "base/strings.h"

namespace krun::oci {
namespace {

using Mac = std::array<uint8_t, 6>;

constexpr struct {
    std::string_view prefix;
    NetworkAnnotation::Kind kind;
} kKinds[] = {
    {"unixstream:", NetworkAnnotation::Kind::kUnixStream},
    {"unixgram:", NetworkAnnotation::Kind::kUnixDatagram},
};
constexpr size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;
// RFC 791: what every host must take; and what a frame's length has room for.
constexpr uint64_t kMinMtu = 68;
constexpr uint64_t kMaxMtu = 65520;

// Six pairs of hexadecimal digits; not a group's address (IEEE 802), which no interface has, nor none.
std::optional<Mac> read_mac(std::string_view text) {
    auto const parts = split(text, ':');
    Mac out{};
    if (parts.size() != out.size()) return std::nullopt;
    for (size_t i = 0; i < out.size(); ++i) {
        auto const* const end = parts[i].data() + parts[i].size();
        auto const [read_to, error] = std::from_chars(parts[i].data(), end, out[i], 16);
        if (parts[i].size() != 2 || error != std::errc() || read_to != end) return std::nullopt;
    }
    if ((out[0] & 1) != 0 || out == Mac{}) return std::nullopt;
    return out;
}

std::optional<std::string> read_option(std::string_view option, NetworkAnnotation& out) {
    constexpr std::string_view kMac = "mac=";
    constexpr std::string_view kMtu = "mtu=";
    if (option.starts_with(kMac)) {
        out.mac = read_mac(option.substr(kMac.size()));
        if (!out.mac) return "mac must be the MAC address of one interface, as in 02:00:00:12:34:56";
        return {};
    }
    if (option.starts_with(kMtu)) {
        auto const number = parse_uint64(option.substr(kMtu.size()));
        if (!number || *number < kMinMtu || *number > kMaxMtu) return "mtu must be from 68 to 65520";
        out.mtu = static_cast<uint16_t>(*number);
        return {};
    }
    return "there is no option " + quoted(option) + " for a network";
}

}  // namespace

std::optional<std::string> read_network_annotation(std::string const& value,
                                                   std::optional<NetworkAnnotation>& out) {
    auto const parts = split(value, ',');
    for (auto const& [prefix, kind] : kKinds) {
        if (!parts[0].starts_with(prefix)) continue;
        NetworkAnnotation network{
            .kind = kind, .path = std::string(parts[0].substr(prefix.size())), .mac = {}};
        if (!network.path.starts_with('/') || network.path.size() > kMaxPath)
            return "must have an absolute path of at most " + std::to_string(kMaxPath) + " bytes";
        for (auto const option : std::span(parts).subspan(1))
            if (auto wrong = read_option(option, network)) return wrong;
        out = std::move(network);
        return {};
    }
    return "must begin with \"unixstream:\" or \"unixgram:\" and a path";
}

}  // namespace krun::oci
