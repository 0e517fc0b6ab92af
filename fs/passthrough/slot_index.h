// SPDX-License-Identifier: Apache-2.0
// Slots by a hash of what lies in them: 4 bytes each, of which at most three quarters are taken (linear
// probing), and not less than an eighth. The table does not know what is hashed: who has the slots says so
// with each call.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace krun::fs {

class SlotIndex {
public:
    // The slot of this hash that `matches(slot)`, 0 if there is none.
    template <class Matches>
    uint32_t find(size_t hash, Matches matches) const {
        for (size_t at = home(hash); table_[at] != 0; at = (at + 1) & mask())
            if (matches(table_[at])) return table_[at];
        return 0;
    }
    // REQUIRES: the slot is not in the table. `hash_of(slot)` tells the hash of each slot that is.
    template <class HashOf>
    void insert(size_t hash, uint32_t slot, HashOf hash_of) {
        if ((size_ + 1) * 4 > table_.size() * 3) resize(table_.size() * 2, hash_of);
        put(hash, slot);
        ++size_;
    }
    // Nothing happens if it is not there.
    template <class HashOf>
    void erase(size_t hash, uint32_t slot, HashOf hash_of) {
        size_t hole = home(hash);
        while (table_[hole] != slot) {
            if (table_[hole] == 0) return;
            hole = (hole + 1) & mask();
        }
        --size_;
        // What lies behind and would not be found over the hole moves into it.
        for (size_t at = (hole + 1) & mask(); table_[at] != 0; at = (at + 1) & mask()) {
            size_t const from = home(hash_of(table_[at]));
            if (((at - from) & mask()) < ((at - hole) & mask())) continue;
            table_[hole] = table_[at];
            hole = at;
        }
        table_[hole] = 0;
        if (size_ * 8 < table_.size() && table_.size() > kLeast) resize(table_.size() / 2, hash_of);
    }

private:
    static constexpr size_t kLeast = 64;
    size_t mask() const { return table_.size() - 1; }
    // Hashes that count up by one would fill one long run, and erase() walks to a run's end: the
    // multiplication (Fibonacci hashing) spreads them.
    size_t home(size_t hash) const { return (hash * 0x9e3779b97f4a7c15) >> 24 & mask(); }
    void put(size_t hash, uint32_t slot) {
        size_t at = home(hash);
        while (table_[at] != 0) at = (at + 1) & mask();
        table_[at] = slot;
    }
    template <class HashOf>
    void resize(size_t places, HashOf hash_of) {
        std::vector<uint32_t> old(places);
        old.swap(table_);
        for (uint32_t const slot : old)
            if (slot != 0) put(hash_of(slot), slot);
    }

    std::vector<uint32_t> table_ = std::vector<uint32_t>(kLeast);
    size_t size_ = 0;
};

}  // namespace krun::fs
