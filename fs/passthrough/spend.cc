// SPDX-License-Identifier: Apache-2.0
// A tree's budget: what each operation that adds to the tree has to ask for and to tell.
#include <unistd.h>

#include "fs/passthrough/passthrough.h"

namespace krun::fs {

FsResult<std::optional<Budget::Room>> Passthrough::room_for_one() const {
    if (!budget_) return std::optional<Budget::Room>();
    static constexpr uint64_t kBlockOfADirectory = 4096;
    return std::optional(TRY(budget_->take({kBlockOfADirectory, 1})));
}

Budget::SharedCharge Passthrough::charge_of(BorrowedFd file) const {
    if (!budget_) return nullptr;
    auto const stat = stat_of(file);
    return stat.ok() ? budget_->of(stat.value()) : nullptr;
}

Budget::SharedCharge Passthrough::charge_of_new(FileStat const& stat) const {
    return budget_ ? budget_->of_new(stat) : nullptr;
}

void Passthrough::count_new(InodeStore::Node const& dir, std::string_view name) const {
    if (!budget_) return;
    auto const made = stat_at(dir.fd->borrow(), name);
    if (made.ok()) budget_->of_new(made.value());
}

void Passthrough::count_lost(Losing const& losing) const {
    if (losing.charge != nullptr) budget_->settle(*losing.charge, losing.fd->borrow());
}

FsResult<Spending> Passthrough::spend(Budget::SharedCharge charge, BorrowedFd file, uint64_t bytes) const {
    return Spending::begin(budget_.get(), std::move(charge), file, bytes);
}

// Whether the file has its data there already: writing it anew adds nothing.
static bool is_written(BorrowedFd file, uint64_t offset, uint64_t bytes) {
    off_t const hole = ::lseek(file.raw(), static_cast<off_t>(offset), SEEK_HOLE);
    auto const stat = stat_of(file);
    return hole >= 0 && stat.ok() && static_cast<uint64_t>(hole) >= offset + bytes &&
           offset + bytes <= stat.value().attr.size;
}

FsResult<Spending> Passthrough::spend_write(OpenFile const& file, uint64_t offset,
                                            std::span<iovec const> from) const {
    uint64_t bytes = 0;
    if (budget_)
        for (auto const& part : from) bytes += part.iov_len;
    auto const fd = file.fd.borrow();
    auto spending = spend(file.charge, fd, bytes);
    if (spending.ok() || !is_written(fd, offset, bytes)) return spending;
    return Spending::nothing(budget_.get(), file.charge, fd);
}

}  // namespace krun::fs
