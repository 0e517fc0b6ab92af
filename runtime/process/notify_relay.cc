// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/notify_relay.h"

#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "base/log.h"
#include "base/strings.h"
#include "config-gen/control_protocol.h"
#include "runtime/process/notify_socket.h"

namespace krun::runtime {

// The payload knows its process by another number than the manager does.
void NotifyRelay::forward(std::string_view text) {
    if (!socket_.valid()) return;
    if (text == control::kBarrier) return forward_barrier();
    std::string out;
    for (auto const line : split(text, '\n')) {
        if (line.empty() || line.starts_with("MAINPID")) continue;
        out += std::string(line) + "\n";
        if (line == "READY=1") out += "MAINPID=" + std::to_string(::getpid()) + "\n";
    }
    ignore(::send(socket_.borrow().raw(), out.data(), out.size(), MSG_NOSIGNAL | MSG_DONTWAIT),
           "a listener that does not listen");
}

void NotifyRelay::forward_barrier() {
    if (barrier_.valid()) return;  // init has one at a time
    auto sent = send_barrier(socket_.borrow());
    if (!sent.ok()) return log(LogLevel::kError, "a barrier of the payload's: " + sent.error().message());
    barrier_ = std::move(sent).value();
    ignore(loop_.add(barrier_.borrow(), 0,
                     [this](uint32_t) {
                         loop_.remove(barrier_.borrow());
                         barrier_.reset();
                         barrier_passed_();
                     }),
           "the payload waits as for a manager that hangs");
}

}  // namespace krun::runtime
