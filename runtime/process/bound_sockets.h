// SPDX-License-Identifier: Apache-2.0
// Unix sockets of the host's that are bind mounts of the container: connects to them for the guest. They are
// held as descriptors; no path is looked up when the guest asks. One thread, its event loop's.
#pragma once
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace krun::runtime {

struct BoundSocket {
    uint32_t number = 0;  // of the bind source
    UniqueFd file;        // O_PATH
};

class BoundSockets {
public:
    // As many connections at once, whatever the guest asks for: init waits with the others.
    static constexpr size_t kMaxConnections = 128;
    // Opens connection `connection` in the guest; the result reads end-of-file when it is over. Owns `socket`
    // from then on.
    using Carry = std::function<Result<UniqueFd>(uint32_t connection, UniqueFd socket)>;

    // Call while /proc of this process can be opened. `loop` outlives it.
    static Result<std::unique_ptr<BoundSockets>> make(EventLoop& loop, std::vector<BoundSocket> sockets,
                                                      UniqueFd proc_self_fd, Carry carry);
    ~BoundSockets();
    BoundSockets(BoundSockets const&) = delete;
    BoundSockets& operator=(BoundSockets const&) = delete;

    // Changes this process's working directory for a moment. An error if there is no such socket, nobody
    // listens there, or it has as many waiting as it lets wait.
    Result<void> connect(uint32_t connection, uint32_t number);

private:
    BoundSockets(EventLoop& loop, std::vector<BoundSocket> sockets, UniqueFd proc_self_fd, UniqueFd here,
                 Carry carry)
        : loop_(loop),
          sockets_(std::move(sockets)),
          proc_self_fd_(std::move(proc_self_fd)),
          here_(std::move(here)),
          carry_(std::move(carry)) {}

    EventLoop& loop_;
    std::vector<BoundSocket> sockets_;
    UniqueFd proc_self_fd_;
    UniqueFd here_;
    Carry carry_;
    std::list<UniqueFd> connections_;  // each reads end-of-file when it is over
};

}  // namespace krun::runtime
