// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/worker.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <string>

#include "base/usable_cpus.h"

namespace krun::vmm {
namespace {

constexpr unsigned kMaxFaultsTold = 8;
// Messages are looked at between turns of watching, however busy the queues are.
constexpr auto kMaxWatch = std::chrono::milliseconds(1);
// How long what has no hurry may have to wait.
constexpr auto kLinger = std::chrono::milliseconds(20);

bool has_queue_without_hurry(VirtioDevice const& device) {
    for (uint16_t i = 0; i < device.queue_sizes().size(); ++i)
        if (device.has_no_hurry(i)) return true;
    return false;
}

}  // namespace

Result<std::unique_ptr<Worker>> Worker::make(std::unique_ptr<VirtioDevice> device, Interrupt& interrupt,
                                             GuestFaultSink on_fault) {
    auto loop = TRY(EventLoop::make());
    auto mailbox = TRY(Mailbox<Message>::make());
    auto doorbell = TRY(make_eventfd());
    // On the only processor there is, whoever watches keeps the guest from asking.
    Patience const patience(usable_cpus() > 1 ? device->patience() : Patience::Duration{0});
    std::vector<LaneWorker> lanes;
    for (auto& lane : device->take_lanes()) {
        auto worker = TRY(make(std::move(lane.device), interrupt, on_fault));
        lanes.push_back({std::move(lane.queues), std::move(worker)});
    }
    auto worker =
        std::unique_ptr<Worker>(new Worker(std::move(device), interrupt, std::move(on_fault), std::move(loop),
                                           std::move(mailbox), std::move(doorbell), patience));
    worker->lanes_ = std::move(lanes);
    if (has_queue_without_hurry(*worker->device_)) worker->timer_ = TRY(IntervalTimer::make());
    return worker;
}

// A lane that gets no thread leaves its queues, and its doorbell, to this worker.
Result<void> Worker::start_lanes(SharedFilter const& filter) {
    for (auto& lane : lanes_) {
        lane.runs = lane.worker->start(filter).ok();
        if (!lane.runs)
            TRY(loop_.add(lane.worker->doorbell(), EPOLLIN | EPOLLET, [this](uint32_t) { serve_queues(); }));
    }
    return {};
}

BorrowedFd Worker::doorbell(uint32_t queue) const {
    auto const lane = std::find_if(lanes_.begin(), lanes_.end(), [&](auto const& one) {
        return std::find(one.queues.begin(), one.queues.end(), queue) != one.queues.end();
    });
    return lane == lanes_.end() ? doorbell() : lane->worker->doorbell();
}

Result<void> Worker::start(SharedFilter filter) {
    TRY(loop_.add(mailbox_.event(), EPOLLIN, [this](uint32_t) { take_messages(); }));
    // Each ring is an edge; the counter is never read, and has room for more rings than there will be.
    TRY(loop_.add(doorbell_.borrow(), EPOLLIN | EPOLLET, [this](uint32_t) { serve_queues(); }));
    if (timer_) TRY(timer_->listen(loop_, [this] { look_again(); }));
    TRY(start_lanes(filter));
    auto const name = "dev-" + std::string(device_->name());
    for (unsigned i = 0; i < device_->helpers(); ++i) {
        auto helper = Thread::start(
            name, [this] { device_->help(); }, filter);
        if (!helper.ok()) break;  // the container's limit of processes; the device does without
        helpers_.push_back(std::move(helper).value());
    }
    thread_ = TRY(Thread::start(
        name, [this] { run(); }, std::move(filter)));
    return {};
}

void Worker::stop() {
    for (auto& lane : lanes_) lane.worker->stop();
    if (thread_.running()) {
        mailbox_.post(Stop{});
        thread_.join();
    }
    device_->end_help();
    helpers_.clear();
}

void Worker::complete(DeviceState& state) const {
    if (last_fault_ != nullptr) state.fault = last_fault_;
    for (size_t i = 0; i < std::min(state.queues.size(), last_positions_.size()); ++i) {
        state.queues[i].taken += last_positions_[i].taken;  // a queue is one worker's: the others' are 0
        state.queues[i].returned += last_positions_[i].returned;
    }
    for (auto const& lane : lanes_) lane.worker->complete(state);
}

void Worker::ring_doorbell(BorrowedFd doorbell) {
    ignore(::eventfd_write(doorbell.raw(), 1), "a full counter is a doorbell that rings");
}

void Worker::activate(Queues queues, uint64_t driver_features) {
    for (auto& lane : lanes_) {
        if (!lane.runs) continue;
        Queues part(queues.size());
        for (auto const queue : lane.queues)
            if (queue < queues.size()) part[queue] = std::exchange(queues[queue], std::nullopt);
        lane.worker->activate(std::move(part), driver_features);
    }
    mailbox_.post(Activate{std::move(queues), driver_features});
}

void Worker::reset() {
    for (auto& lane : lanes_)
        if (lane.runs) lane.worker->reset();
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
        if (!wait().ok()) return interrupt_.needs_reset();
        interrupt_if_wanted();
    }
    deactivate();
}

// Until something has been dispatched: watches the queues first, if it may, then sleeps.
Result<bool> Worker::wait() {
    if (patience_.is_none()) return loop_.run_once(-1);
    auto const idle_since = watch_queues();
    auto dispatched = loop_.run_once(-1);
    auto const now = Clock::now();
    patience_.slept(now - idle_since, now);
    return dispatched;
}

Worker::Clock::time_point Worker::watch_queues() {
    auto idle_since = Clock::now();
    auto const budget = patience_.budget();
    if (budget == Patience::Duration{0} || !active_ || faulted_) return idle_since;
    for (auto& queue : queues_)
        if (queue) queue->begin_polling();
    auto const last = idle_since + kMaxWatch;
    for (auto now = idle_since; now < std::min(idle_since + budget, last);) {
        bool const looked = device_->look();
        bool const busy = serve_queues() || looked;
        if (busy)
            interrupt_if_wanted();
        else
            __builtin_ia32_pause();
        now = Clock::now();
        if (!busy) continue;
        idle_since = now;
        patience_.found();
    }
    end_watch();
    return idle_since;
}

// Every queue asks for its notifications again, and what came in before it did is served.
void Worker::end_watch() {
    bool more = false;
    for (auto& queue : queues_) {
        if (!queue) continue;
        auto const waiting = queue->end_polling();
        if (!waiting.ok()) return fault(waiting.error());
        more = more || waiting.value();
    }
    if (more && serve_queues()) interrupt_if_wanted();
}

void Worker::linger(bool on) {
    lingers_ = on;
    timer_->set(on ? kLinger : IntervalTimer::kOff);
    // The driver notifies long before it has no room left.
    for (auto const index : unhurried_)
        queues_[index]->set_lag(static_cast<uint16_t>(on ? queues_[index]->size() / 4 : 0));
}

// What the worker wakes for, a lock that is waited for say, need not look at the queues, or not often enough.
void Worker::look_again() {
    if (!lingers_) return;
    serve_queues();
    if (std::exchange(served_lately_, false)) return;
    linger(false);
    end_watch();
}

void Worker::take_messages() {
    for (auto& message : mailbox_.take_all()) std::visit([this](auto& m) { handle(m); }, message);
}

void Worker::handle(Activate& message) {
    deactivate();
    queues_ = std::move(message.queues);
    for (uint16_t i = 0; i < queue_count(); ++i)
        if (queues_[i] && device_->has_no_hurry(i)) unhurried_.push_back(i);
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
    if (lingers_) timer_->set(IntervalTimer::kOff);
    active_ = faulted_ = lingers_ = false;
    last_positions_.clear();
    for (auto const& queue : queues_)
        last_positions_.push_back(queue ? QueueState{queue->size(), queue->taken(), queue->returned()}
                                        : QueueState{});
    queues_.clear();
    unhurried_.clear();
}

bool Worker::serve_queues() {
    bool any = false;
    // What another of the device's workers found wrong stops this one, too.
    bool const stopped = !active_ || interrupt_.is_reset_needed();
    for (uint16_t i = 0; !stopped && !faulted_ && i < queues_.size(); ++i) {
        if (!queues_[i] || !queues_[i]->take_news()) continue;
        if (!std::exchange(any, true) && !lingers_ && !unhurried_.empty()) linger(true);
        served_lately_ = true;
        if (auto const served = device_->handle_queue(i); !served.ok()) fault(served.error());
    }
    return any;
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
    last_fault_ = fault.rule;
    interrupt_.needs_reset();
    // A guest that resets and breaks rules for ever must not fill the host's log.
    if (on_fault_ && faults_told_ < kMaxFaultsTold) {
        ++faults_told_;
        on_fault_(device_->name(), fault.rule);
    }
}

}  // namespace krun::vmm
