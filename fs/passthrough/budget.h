// SPDX-License-Identifier: Apache-2.0
// What a guest may add to a tree: bytes on the disk, as the host's file system counts them (statx(2)
// stx_blocks), and names. What was there before is nobody's spending; a file of it counts with what it has
// grown by. A file that the guest has removed counts as long as something of ours may still use its space.
// All methods may be called from any thread.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

#include "base/mutex.h"
#include "fs/passthrough/host_file.h"
#include "fs/passthrough/options.h"

namespace krun::fs {

class Budget {
public:
    explicit Budget(BudgetLimits limits) : limits_(limits) {}
    ~Budget();
    Budget(Budget const&) = delete;

    // Spent or set aside.
    struct Usage {
        uint64_t bytes = 0;
        uint64_t files = 0;
    };
    // What one file counts with. Held by whatever keeps the file's space from being freed; the budget itself
    // holds that of each file with a name, if it counts at all.
    class Charge;
    using SharedCharge = std::shared_ptr<Charge>;

    // Set aside for an operation under way, until the object goes.
    class Room {
    public:
        Room(Room&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), usage_(other.usage_) {}
        Room& operator=(Room&&) = delete;
        ~Room();

    private:
        friend class Budget;
        Room(Budget& budget, Usage usage) : budget_(&budget), usage_(usage) {}
        Budget* budget_;
        Usage usage_;
    };
    // ENOSPC if there is not as much left.
    FsResult<Room> take(Usage usage) EXCLUDES(mutex_);

    // The charge of a file that was there, or that is known already.
    SharedCharge of(FileStat const& stat) EXCLUDES(mutex_) { return charge(stat, false); }
    // Of one that the guest has just made.
    SharedCharge of_new(FileStat const& stat) EXCLUDES(mutex_) { return charge(stat, true); }
    // Counts anew what `file` has. To be called when an operation on it has ended.
    void settle(Charge& charge, BorrowedFd file) {
        settle(charge, [file] { return stat_of(file); });
    }
    // `look` tells what the file has; it is asked again if somebody else settled meanwhile.
    void settle(Charge& charge, std::function<FsResult<FileStat>()> const& look) EXCLUDES(mutex_);

    BudgetLimits const& limits() const { return limits_; }
    Usage usage() const EXCLUDES(mutex_);

private:
    struct Entry {
        std::weak_ptr<Charge> charge;
        SharedCharge named;
    };
    SharedCharge charge(FileStat const& stat, bool is_new) EXCLUDES(mutex_);
    SharedCharge count(Charge& charge, FileStat const& stat) REQUIRES(mutex_);
    void end(Charge const& charge) EXCLUDES(mutex_);
    void give_back(Usage usage) EXCLUDES(mutex_);

    BudgetLimits const limits_;
    mutable Mutex mutex_;
    Usage used_ GUARDED_BY(mutex_);
    std::unordered_map<FileIdentity, Entry> files_ GUARDED_BY(mutex_);
};

// A descriptor that holds its file's charge, if it has one, as long as it is open.
SharedFd share(UniqueFd fd, Budget::SharedCharge charge);

class Budget::Charge {
public:
    Charge(Budget& budget, FileStat const& stat, bool is_new);
    ~Charge() { budget_.end(*this); }
    Charge(Charge const&) = delete;

private:
    friend class Budget;
    Budget& budget_;
    FileIdentity const identity_;
    bool const is_directory_;
    uint64_t const bytes_before_;
    uint64_t const names_before_;
    // Guarded by the budget's lock.
    Usage counted_;
    uint64_t settled_ = 0;  // how often
};

}  // namespace krun::fs
