// SPDX-License-Identifier: Apache-2.0
// Wakes a device's own thread from any other: the caller leaves a message under a lock, then rings.
#pragma once
#include <cstdint>
#include <functional>
#include <utility>

#include "base/event_loop.h"
#include "base/fd.h"

namespace krun::vmm {

class Doorbell {
public:
    static Result<Doorbell> make() { return Doorbell(TRY(make_eventfd())); }

    // Any thread; never blocks. Rings before anybody listens are not lost, and many count as one.
    void ring() const {
        uint64_t const one = 1;
        // The counter saturating (EAGAIN) would mean that it is already rung.
        [[maybe_unused]] auto const n = ::write(event_.borrow().raw(), &one, sizeof(one));
    }
    // `answer` runs on the loop's thread, after the bell has been silenced: it must look at all messages.
    Result<void> listen(EventLoop& loop, std::function<void()> answer) {
        return loop.add(event_.borrow(), EPOLLIN, [this, answer = std::move(answer)](uint32_t) {
            uint64_t rings = 0;
            [[maybe_unused]] auto const n = ::read(event_.borrow().raw(), &rings, sizeof(rings));
            answer();
        });
    }
    void stop_listening(EventLoop& loop) { loop.remove(event_.borrow()); }

private:
    explicit Doorbell(UniqueFd event) : event_(std::move(event)) {}
    UniqueFd event_;
};

}  // namespace krun::vmm
