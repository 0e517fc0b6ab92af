// SPDX-License-Identifier: Apache-2.0
#include "init/lease_keeper.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "init/log.h"

namespace krun::init {

static int64_t now_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
}

Result<std::unique_ptr<LeaseKeeper>> LeaseKeeper::make(EventLoop& loop, HeldLease held) {
    if (held.lease.seconds == DhcpLease::kForEver) return std::unique_ptr<LeaseKeeper>();
    UniqueFd timer(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer.valid()) return fail(Error::sys("make a timer for a DHCP lease"));
    uint32_t const seconds = held.lease.seconds;
    auto keeper = std::unique_ptr<LeaseKeeper>(new LeaseKeeper(loop, std::move(held), std::move(timer)));
    TRY(loop.add(keeper->timer_.borrow(), EPOLLIN, [self = keeper.get()](uint32_t) { self->due(); }));
    keeper->begin(seconds);
    return keeper;
}

LeaseKeeper::~LeaseKeeper() {
    stop_asking();
    loop_.remove(timer_.borrow());
}

void LeaseKeeper::begin(uint32_t seconds) {
    ends_at_ = now_seconds() + seconds;
    is_over_ = false;
    ring_in(seconds / 2);
}

void LeaseKeeper::due() {
    uint64_t expirations = 0;
    ignore(::read(timer_.borrow().raw(), &expirations, sizeof expirations), "only that it expired counts");
    int64_t const left = ends_at_ - now_seconds();
    if (left <= 0 && !is_over_) {
        is_over_ = true;
        log_error("network: nobody lets " + held_.name + " have its address any longer by DHCP; it keeps it");
    }
    if (auto const asked = ask(); !asked.ok()) log_error(asked.error().message());
    int64_t const pause = std::max(left / 2, kPauseSeconds);
    ring_in(left > 0 ? std::min(pause, left) : pause);
}

// Each question has a number and a socket of its own: a late answer to the one before is none.
Result<void> LeaseKeeper::ask() {
    stop_asking();
    socket_ = TRY(DhcpSocket::open(held_.interface));
    client_ = DhcpClient::with(held_.mac);
    TRY(loop_.add(socket_->fd(), EPOLLIN, [this](uint32_t) { answered(); }));
    socket_->send(renewal_message(*client_, held_.lease.address));
    return {};
}

void LeaseKeeper::answered() {
    auto const reply = socket_->receive(*client_);
    if (!reply || reply->type != DhcpType::kAck || reply->lease.address != held_.lease.address) return;
    stop_asking();
    begin(reply->lease.seconds);
}

void LeaseKeeper::stop_asking() {
    if (socket_) loop_.remove(socket_->fd());
    socket_.reset();
}

void LeaseKeeper::ring_in(int64_t seconds) {
    itimerspec const when{{}, {std::max(seconds, kShortestSeconds), 0}};
    ignore(::timerfd_settime(timer_.borrow().raw(), 0, &when, nullptr), "fails for bad arguments only");
}

}  // namespace krun::init
