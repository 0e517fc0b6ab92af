// SPDX-License-Identifier: Apache-2.0
// What was left out of an image, and may be missed: each kind is told once, with the number of times and the
// first example, however often a hostile archive repeats it.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace krun::image {

enum class Omission : uint8_t { kDevice, kSocket, kCapability, kXattr, kAnnotation, kCount };

class Warnings {
public:
    void add(Omission kind, std::string_view example);
    // One line each, printable.
    std::vector<std::string> lines() const;

private:
    struct Told {
        uint64_t times = 0;
        std::string first;
    };
    std::array<Told, static_cast<size_t>(Omission::kCount)> told_;
};

}  // namespace krun::image
