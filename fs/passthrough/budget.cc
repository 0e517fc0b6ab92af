// SPDX-License-Identifier: Apache-2.0
#include "fs/passthrough/budget.h"

#include <algorithm>

#include "base/guard.h"

namespace krun::fs {

static constexpr uint64_t kBlockBytes = 512;  // of stx_blocks, whatever the file system's are

static uint64_t more_than(uint64_t now, uint64_t before) {
    return now > before ? now - before : 0;
}

Budget::Charge::Charge(Budget& budget, FileStat const& stat, bool is_new)
    : budget_(budget),
      identity_(stat.identity),
      is_directory_(stat.is(S_IFDIR)),
      bytes_before_(is_new ? 0 : stat.attr.blocks * kBlockBytes),
      names_before_(is_new ? 0 : std::max(stat.attr.nlink, 1u)) {}

Budget::Room::~Room() {
    if (budget_ != nullptr) budget_->give_back(usage_);
}

Budget::~Budget() {
    decltype(files_) last;  // the charges count back into this budget
    Lock const lock(mutex_);
    last.swap(files_);
}

FsResult<Budget::Room> Budget::take(Usage usage) {
    Lock const lock(mutex_);
    bool const fits = used_.bytes <= limits_.bytes && usage.bytes <= limits_.bytes - used_.bytes &&
                      used_.files <= limits_.files && usage.files <= limits_.files - used_.files;
    // Files that only grew are remembered, too.
    bool const has_row = files_.size() < 2 * kMaxBudgetFiles;
    if (guard_stands("budget") && !(fits && has_row)) return fail(Errno{ENOSPC});
    used_.bytes += usage.bytes;
    used_.files += usage.files;
    return Room(*this, usage);
}

void Budget::give_back(Usage usage) {
    Lock const lock(mutex_);
    used_.bytes -= usage.bytes;
    used_.files -= usage.files;
}

Budget::SharedCharge Budget::charge(FileStat const& stat, bool is_new) {
    SharedCharge dropped;
    Lock const lock(mutex_);
    auto& entry = files_[stat.identity];
    // A new file may have the number of one that is gone and still held.
    auto charge = is_new ? nullptr : entry.charge.lock();
    if (charge != nullptr) return charge;
    charge = std::make_shared<Charge>(*this, stat, is_new);
    dropped = std::exchange(entry.named, nullptr);
    entry.charge = charge;
    ignore(count(*charge, stat), "there was none before");
    return charge;
}

// Returns what must not go before the lock.
Budget::SharedCharge Budget::count(Charge& charge, FileStat const& stat) {
    // A directory has a link for each one in it, which count for themselves.
    uint64_t const names = std::max<uint64_t>(charge.is_directory_ ? 1 : stat.attr.nlink, 1);
    Usage const now{more_than(stat.attr.blocks * kBlockBytes, charge.bytes_before_),
                    more_than(names, charge.names_before_)};
    used_.bytes += now.bytes - charge.counted_.bytes;
    used_.files += now.files - charge.counted_.files;
    charge.counted_ = now;
    ++charge.settled_;
    auto const entry = files_.find(charge.identity_);
    if (entry == files_.end()) return nullptr;
    auto strong = entry->second.charge.lock();
    if (strong.get() != &charge) return nullptr;  // its number is another file's now
    bool const stays = stat.attr.nlink > 0 && (now.bytes > 0 || now.files > 0);
    return std::exchange(entry->second.named, stays ? std::move(strong) : nullptr);
}

// Who looked first must not have the last word. A guest that keeps at it for ever keeps its own request only.
void Budget::settle(Charge& charge, std::function<FsResult<FileStat>()> const& look) {
    while (true) {
        uint64_t settled = 0;
        {
            Lock const lock(mutex_);
            settled = charge.settled_;
        }
        auto const stat = look();
        if (!stat.ok()) return;
        SharedCharge dropped;
        Lock const lock(mutex_);
        if (charge.settled_ != settled) continue;
        dropped = count(charge, stat.value());
        return;
    }
}

void Budget::end(Charge const& charge) {
    Lock const lock(mutex_);
    used_.bytes -= charge.counted_.bytes;
    used_.files -= charge.counted_.files;
    auto const entry = files_.find(charge.identity_);
    if (entry != files_.end() && entry->second.charge.expired()) files_.erase(entry);
}

SharedFd share(UniqueFd fd, Budget::SharedCharge charge) {
    struct Held {
        Budget::SharedCharge charge;
        UniqueFd fd;  // closed first
    };
    auto const held = std::make_shared<Held>(Held{std::move(charge), std::move(fd)});
    return {held, &held->fd};
}

Budget::Usage Budget::usage() const {
    Lock const lock(mutex_);
    return used_;
}

}  // namespace krun::fs
