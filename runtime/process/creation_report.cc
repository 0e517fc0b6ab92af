// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/creation_report.h"

#include <array>

#include "base/fd_passing.h"
#include "runtime/control/control_wire.h"

namespace krun::runtime {

void send_creation_report(BorrowedFd socket, Result<void> const& result,
                          std::span<int const> vm_descriptors) {
    std::vector<BorrowedFd> fds;
    for (int const fd : vm_descriptors) fds.emplace_back(fd);
    ignore(send_message(socket, encode_result(result), fds), "the creator has gone");
}

Result<std::vector<UniqueFd>> receive_creation_report(BorrowedFd socket) {
    std::array<std::byte, kMaxWireResultBytes> text;
    auto message = receive_message(socket, text);
    size_t const bytes = message.ok() ? message.value().bytes : 0;
    TRY(decode_result(std::span(text).first(bytes),
                      Error(Errc::kInternal, "the container process ended unexpectedly")));
    return std::move(message).value().fds;
}

}  // namespace krun::runtime
