// SPDX-License-Identifier: Apache-2.0
// One operation on an open file of a tree with a budget: what it may need is set aside before, and what it
// took is counted at its end. Without a budget it is nothing.
#pragma once
#include "fs/passthrough/budget.h"

namespace krun::fs {

class Spending {
public:
    // `charge` is null without a budget. `bytes`: the most that the operation adds to the file's data. `file`
    // outlives the object.
    static FsResult<Spending> begin(Budget* budget, Budget::SharedCharge charge, BorrowedFd file,
                                    uint64_t bytes) {
        if (budget == nullptr || charge == nullptr) return Spending();
        auto room = TRY(budget->take({in_pages(bytes), 0}));
        return Spending(budget, std::move(charge), file, std::move(room));
    }
    // Of one that adds nothing.
    static Spending nothing(Budget* budget, Budget::SharedCharge charge, BorrowedFd file) {
        return Spending(budget, std::move(charge), file, std::nullopt);
    }
    Spending(Spending&&) = default;
    Spending& operator=(Spending&&) = delete;
    ~Spending() {
        if (charge_ != nullptr) budget_->settle(*charge_, file_);
    }

private:
    static constexpr uint64_t kPageBytes = 4096;
    // As many as `bytes` may lie in.
    static uint64_t in_pages(uint64_t bytes) {
        if (bytes == 0) return 0;
        return ((bytes - 1) / kPageBytes + 2) * kPageBytes;
    }

    Spending() = default;
    Spending(Budget* budget, Budget::SharedCharge charge, BorrowedFd file, std::optional<Budget::Room> room)
        : budget_(budget), charge_(std::move(charge)), file_(file), room_(std::move(room)) {}

    Budget* budget_ = nullptr;
    Budget::SharedCharge charge_;
    BorrowedFd file_ = BorrowedFd(-1);
    std::optional<Budget::Room> room_;  // given back after what was taken has been counted
};

}  // namespace krun::fs
