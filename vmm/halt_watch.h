// SPDX-License-Identifier: Apache-2.0
// Finds guests that have halted for ever. With interrupt controllers in the kernel a HLT never comes to us,
// so each vCPU looks at itself now and then: one that is halted with interrupts off, or was never started,
// can only be woken by another. When all are found so three times in a row there is no other. (Looks are not
// simultaneous; three rounds outlast a wake-up that one look missed.)
#pragma once
#include <atomic>
#include <cstdint>
#include <vector>

namespace krun::vmm {

class HaltWatch {
public:
    explicit HaltWatch(uint32_t vcpus) : looks_(vcpus) {}

    // Vcpu `index` found itself able or unable to go on. True: nobody can any more. Any thread.
    bool look(uint32_t index, bool is_stuck) {
        if (!is_stuck) {
            looks_[index].store(0);
            return false;
        }
        looks_[index].fetch_add(1);
        for (auto const& looks : looks_)
            if (looks.load() < kLooks) return false;
        return true;
    }

private:
    static constexpr uint32_t kLooks = 3;
    std::vector<std::atomic<uint32_t>> looks_;  // in a row, for each vCPU
};

}  // namespace krun::vmm
