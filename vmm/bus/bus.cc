// SPDX-License-Identifier: Apache-2.0
#include "vmm/bus/bus.h"

#include <algorithm>
#include <string>

namespace krun::vmm {

Result<void> Bus::attach(GuestRange range, MmioDevice& device) {
    auto const end = checked_add(raw(range.base), range.len_bytes);
    if (!end || range.len_bytes == 0) return fail(Error(Errc::kInternal, "bus range is empty or wraps"));
    for (auto const& e : entries_)
        if (raw(range.base) < raw(e.range.base) + e.range.len_bytes && raw(e.range.base) < *end)
            return fail(Error(Errc::kInternal,
                              std::string(device.name()) + " overlaps " + std::string(e.device->name())));
    auto const at =
        std::upper_bound(entries_.begin(), entries_.end(), range.base,
                         [](GuestAddr base, Entry const& e) { return raw(base) < raw(e.range.base); });
    entries_.insert(at, Entry{range, &device});
    return {};
}

Bus::Entry const* Bus::find(GuestAddr at) const {
    auto const after_it =
        std::upper_bound(entries_.begin(), entries_.end(), at,
                         [](GuestAddr a, Entry const& e) { return raw(a) < raw(e.range.base); });
    if (after_it == entries_.begin()) return nullptr;
    auto const& entry = *std::prev(after_it);
    return raw(at) - raw(entry.range.base) < entry.range.len_bytes ? &entry : nullptr;
}

void Bus::write(GuestAddr at, std::span<std::byte const> data) const {
    if (auto const* entry = find(at)) entry->device->write(raw(at) - raw(entry->range.base), data);
}

}  // namespace krun::vmm
