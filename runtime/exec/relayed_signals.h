// SPDX-License-Identifier: Apache-2.0
// The signals that a process gets in the place of another one.
#pragma once
#include <optional>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

class RelayedSignals {
public:
    // Blocks every signal that can be blocked but faults of our own: from here on they wait for next(), so
    // that none is lost. Single-threaded process only.
    static Result<RelayedSignals> block();

    // Readable when there may be one.
    BorrowedFd fd() const { return signals_.borrow(); }
    // The next signal that somebody, or the terminal, has sent us. The kernel's notes about our own children
    // and descriptors are passed over. nullopt: none is left.
    std::optional<int> next() const;

private:
    explicit RelayedSignals(UniqueFd signals) : signals_(std::move(signals)) {}
    UniqueFd signals_;
};

}  // namespace krun::runtime
