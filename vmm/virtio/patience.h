// SPDX-License-Identifier: Apache-2.0
// How long a worker watches its queues before it sleeps. Waking a thread costs the guest more than most
// requests, so one that asks in quick succession finds its worker awake; one that has nothing to ask costs
// nothing. The rule is KVM's for a processor that halts (Linux virt/kvm/kvm_main.c, halt_poll_ns): after a
// sleep that was short watch twice as long the next time, after one that watching could not have saved not at
// all.
#pragma once
#include <algorithm>
#include <chrono>

namespace krun::vmm {

class Patience {
public:
    using Duration = std::chrono::nanoseconds;

    // `most`: of watching without a request; 0 for a worker that never watches.
    explicit Patience(Duration most) : most_(most) {}

    // How long to watch now.
    Duration budget() const { return budget_; }
    void slept(Duration how_long) {
        budget_ = how_long < most_ ? std::clamp(budget_ * 2, std::min(kFirst, most_), most_) : Duration{0};
    }

private:
    static constexpr Duration kFirst = std::chrono::microseconds(10);

    Duration const most_;
    Duration budget_{0};
};

}  // namespace krun::vmm
