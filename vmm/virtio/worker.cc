// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/worker.h"

#include <sys/eventfd.h>

#include <string>

namespace krun::vmm {
namespace {

constexpr unsigned kMaxFaultsTold = 8;

}  // namespace

Result<std::unique_ptr<Worker>> Worker::make(std::unique_ptr<VirtioDevice> device, Interrupt& interrupt,
                                             GuestFaultSink on_fault) {
    auto loop = TRY(EventLoop::make());
    auto mailbox = TRY(Mailbox<Message>::make());
    auto doorbell = TRY(make_eventfd());
    return std::unique_ptr<Worker>(new Worker(std::move(device), interrupt, std::move(on_fault),
                                              std::move(loop), std::move(mailbox), std::move(doorbell)));
}

Result<void> Worker::start(SharedFilter filter) {
    TRY(loop_.add(mailbox_.event(), EPOLLIN, [this](uint32_t) { take_messages(); }));
    TRY(loop_.add(doorbell_.borrow(), EPOLLIN, [this](uint32_t) {
        eventfd_t rings = 0;
        ignore(::eventfd_read(doorbell_.borrow().raw(), &rings), "EAGAIN: somebody rang and we came already");
        serve_queues();
    }));
    thread_ = TRY(Thread::start(
        "dev-" + std::string(device_->name()), [this] { run(); }, std::move(filter)));
    return {};
}

void Worker::stop() {
    if (!thread_.running()) return;
    mailbox_.post(Stop{});
    thread_.join();
}

void Worker::ring() {
    ignore(::eventfd_write(doorbell_.borrow().raw(), 1), "a full counter is a doorbell that rings");
}

void Worker::activate(Queues queues, uint64_t driver_features) {
    mailbox_.post(Activate{std::move(queues), driver_features});
}

void Worker::reset() {
    uint64_t ticket = 0;
    {
        Lock lock(reset_mutex_);
        ticket = ++resets_asked_;
    }
    mailbox_.post(Reset{});
    Lock lock(reset_mutex_);
    while (resets_done_ < ticket) reset_done_.wait(reset_mutex_);
}

void Worker::run() {
    while (!stopping_) {
        // epoll fails only for a bad descriptor, which would be our bug: the driver is told to reset.
        if (!loop_.run_once(-1).ok()) return interrupt_.needs_reset();
        interrupt_if_wanted();
    }
    deactivate();
}

void Worker::take_messages() {
    for (auto& message : mailbox_.take_all()) std::visit([this](auto& m) { handle(m); }, message);
}

void Worker::handle(Activate& message) {
    deactivate();
    queues_ = std::move(message.queues);
    driver_features_ = message.driver_features;
    active_ = true;
    // A host failure here is as final for the driver as a fault of its own.
    if (!device_->activate(*this).ok()) return fault(GuestFault{"the device could not start"});
    serve_queues();  // the driver may have rung before we were ready
}

void Worker::handle(Reset& /*message*/) {
    deactivate();
    {
        Lock lock(reset_mutex_);
        ++resets_done_;
    }
    reset_done_.notify_all();
}

void Worker::handle(Stop& /*message*/) {
    stopping_ = true;
}

void Worker::deactivate() {
    if (active_) device_->reset();
    active_ = faulted_ = false;
    queues_.clear();
}

void Worker::serve_queues() {
    for (uint16_t i = 0; active_ && !faulted_ && i < queues_.size(); ++i) {
        if (!queues_[i] || !queues_[i]->take_news()) continue;
        if (auto const served = device_->handle_queue(i); !served.ok()) fault(served.error());
    }
}

void Worker::interrupt_if_wanted() {
    bool wanted = false;
    for (auto& queue : queues_)
        if (queue && queue->take_interrupt()) wanted = true;
    if (wanted) interrupt_.used_buffers();
}

Queue* Worker::queue(uint16_t index) {
    return index < queues_.size() && queues_[index] ? &*queues_[index] : nullptr;
}

void Worker::fault(GuestFault fault) {
    if (std::exchange(faulted_, true)) return;
    interrupt_.needs_reset();
    // A guest that resets and breaks rules for ever must not fill the host's log.
    if (on_fault_ && faults_told_ < kMaxFaultsTold) {
        ++faults_told_;
        on_fault_(device_->name(), fault.rule);
    }
}

}  // namespace krun::vmm
