// SPDX-License-Identifier: Apache-2.0
// The value of krun-oci.net: `KIND:PATH[,mac=…][,mtu=…]`, a program of the host's that is the machine's
// network.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace krun::oci {

// One that listens on a unix socket.
struct NetworkAnnotation {
    enum class Kind {
        kUnixStream,    // as passt and QEMU's stream netdev speak
        kUnixDatagram,  // as gvproxy and vmnet-helper speak with vfkit
    };
    Kind kind = Kind::kUnixStream;
    std::string path;                           // absolute
    std::optional<std::array<uint8_t, 6>> mac;  // of one interface alone; empty: any will do
    uint16_t mtu = 1500;
};

// A text that says what is wrong with `value`, or nothing and `out` is set.
std::optional<std::string> read_network_annotation(std::string const& value,
                                                   std::optional<NetworkAnnotation>& out);

}  // namespace krun::oci
