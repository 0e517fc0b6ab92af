// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/warnings.h"

#include "base/strings.h"

namespace krun::image {
namespace {

constexpr std::string_view kWhat[] = {
    "device nodes are left out: the machine makes its own in /dev",
    "sockets are left out: nobody listens to them",
    "file capabilities are left out: only root can set them",
    "extended attributes are left out: not the image's to decide, or not possible here",
    "labels are left out: as annotations they would configure a runtime",
};
static_assert(std::size(kWhat) == static_cast<size_t>(Omission::kCount));

}  // namespace

void Warnings::add(Omission kind, std::string_view example) {
    auto& told = told_[static_cast<size_t>(kind)];
    if (told.times++ == 0) told.first = quoted(example);
}

std::vector<std::string> Warnings::lines() const {
    std::vector<std::string> out;
    for (size_t i = 0; i < told_.size(); ++i) {
        if (told_[i].times == 0) continue;
        out.push_back(std::to_string(told_[i].times) + " " + std::string(kWhat[i]) + "; the first is " +
                      told_[i].first);
    }
    return out;
}

}  // namespace krun::image
