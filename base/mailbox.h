// SPDX-License-Identifier: Apache-2.0
// Messages for the one thread that owns an object. Any thread posts; the owner waits for event() in its
// event loop and takes all of them, in order.
#pragma once
#include <sys/eventfd.h>

#include <memory>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/mutex.h"

namespace krun {

template <class Message>
class Mailbox {
public:
    static Result<Mailbox> make() { return Mailbox(TRY(make_eventfd())); }

    // Readable while messages wait.
    BorrowedFd event() const { return event_.borrow(); }

    void post(Message message) {
        {
            Lock lock(box_->mutex);
            box_->messages.push_back(std::move(message));
        }
        // The counter saturates only after 2^64 - 2 posts without a take; it cannot fail otherwise.
        ignore(::eventfd_write(event_.borrow().raw(), 1), "the owner wakes up");
    }

    // For the owner's thread.
    std::vector<Message> take_all() {
        eventfd_t count = 0;
        ignore(::eventfd_read(event_.borrow().raw(), &count), "EAGAIN: nothing new, the list is empty");
        Lock lock(box_->mutex);
        return std::exchange(box_->messages, {});
    }

private:
    struct Box {  // apart, because a mutex does not move
        Mutex mutex;
        std::vector<Message> messages GUARDED_BY(mutex);
    };
    explicit Mailbox(UniqueFd event) : event_(std::move(event)), box_(std::make_unique<Box>()) {}

    UniqueFd event_;
    std::unique_ptr<Box> box_;
};

}  // namespace krun
