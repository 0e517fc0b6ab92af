// SPDX-License-Identifier: Apache-2.0
// How long a worker watches its queues before it sleeps. Waking a thread costs the guest more than most
// requests, so one that asks in quick succession finds its worker awake; one that has nothing to ask costs
// nothing. The rule is KVM's for a processor that halts (Linux virt/kvm/kvm_main.c, halt_poll_ns): after a
// sleep that was short watch twice as long the next time, after one that watching could not have saved not at
// all. KVM watches only while nobody else wants the processor, which a program cannot see. It sees that it
// watches in vain time after time: then it may well be on the very processor that the guest needs to ask, and
// it rests for a while.
#pragma once
#include <algorithm>
#include <chrono>

namespace krun::vmm {

class Patience {
public:
    using Clock = std::chrono::steady_clock;
    using Duration = std::chrono::nanoseconds;

    // `most`: of watching without a request; 0 for a worker that never watches.
    explicit Patience(Duration most) : most_(most) {}

    bool is_none() const { return most_ == Duration{0}; }
    // How long to watch now.
    Duration budget() const { return budget_; }
    // A request came while the worker watched.
    void found() { in_vain_ = 0; }
    // What is over `now` is a sleep, after the budget was spent on watching in vain; `how_long` is both.
    void slept(Duration how_long, Clock::time_point now) {
        if (budget_ > Duration{0} && ++in_vain_ >= kMostInVain) {
            in_vain_ = 0;
            rests_until_ = now + kRest;
        }
        bool const pays = how_long < most_ && now >= rests_until_;
        budget_ = pays ? std::clamp(budget_ * 2, std::min(kFirst, most_), most_) : Duration{0};
    }

private:
    static constexpr Duration kFirst = std::chrono::microseconds(10);
    static constexpr unsigned kMostInVain = 16;
    static constexpr Duration kRest = std::chrono::milliseconds(100);

    Duration const most_;
    Duration budget_{0};
    unsigned in_vain_ = 0;  // times in a row
    Clock::time_point rests_until_{};
};

}  // namespace krun::vmm
