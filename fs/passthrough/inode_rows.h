// SPDX-License-Identifier: Apache-2.0
// The rows of an InodeStore, as small as they can be: a guest that walks a million files makes a million of
// them. Each lies in a numbered slot, 1 being the root's; a node id is slot and generation, so finding a node
// is no search. Slots are used again, ids never: the generation counts how often a slot was, and a slot that
// was too often is left alone. Not for several threads at once.
#pragma once
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "base/mapping.h"

namespace krun::fs {

// Up to 255 bytes, without a NUL; the usual short ones in place.
class SmallName {
public:
    SmallName() = default;
    SmallName(SmallName const&) = delete;
    SmallName& operator=(SmallName const&) = delete;
    ~SmallName() { clear(); }

    void assign(std::string_view name) {
        clear();
        char* to = in_place_;
        if (name.size() > sizeof in_place_) to = far_ = new char[name.size()];
        if (!name.empty()) std::memcpy(to, name.data(), name.size());
        len_ = static_cast<uint8_t>(name.size());
    }
    void clear() {
        if (len_ > sizeof in_place_) delete[] far_;
        len_ = 0;
    }
    std::string_view view() const { return {const_cast<SmallName*>(this)->data(), len_}; }

private:
    static constexpr size_t kInPlace = 15;
    char* data() { return len_ > sizeof in_place_ ? far_ : in_place_; }

    // Unaligned, so that a name is 16 bytes with its length.
    union __attribute__((packed)) {
        char* far_;
        char in_place_[kInPlace];
    };
    uint8_t len_ = 0;
};
static_assert(sizeof(SmallName) == 16);

struct InodeRow {
    uint64_t ino = 0;
    uint32_t lookups = 0;  // at its end it stays there, and the file is remembered until the guest unmounts
    uint32_t hints = 0;    // rows whose parent this is
    uint32_t parent = 0;   // slot; 0: it has no name
    uint32_t generation : 24 = 0;
    uint32_t type : 4 = 0;  // S_IFMT bits, shifted down
    uint32_t used : 1 = 0;
    uint32_t kept : 1 = 0;
    uint32_t nameless : 1 = 0;
    uint32_t has_fd : 1 = 0;
    uint16_t file_system = 0;  // index into the store's list
    uint16_t content_high = 0;
    uint32_t content_low = 0;
    SmallName name;

    // What the content was known by when the file was last opened (content_mark.h); 0: not at all.
    uint64_t content() const { return uint64_t{content_high} << 32 | content_low; }
    void set_content(uint64_t mark) {
        content_high = static_cast<uint16_t>(mark >> 32);
        content_low = static_cast<uint32_t>(mark);
    }
};
static_assert(sizeof(InodeRow) == 48);

// Memory comes in chunks, and goes back when a chunk has no row any more.
class InodeRows {
public:
    static constexpr unsigned kSlotBits = 24;
    static constexpr uint32_t kMaxSlots = 1u << kSlotBits;
    static constexpr uint32_t kRoot = 1;

    InodeRows();
    ~InodeRows();
    InodeRows(InodeRows const&) = delete;
    InodeRows& operator=(InodeRows const&) = delete;

    size_t size() const { return used_ - 1; }
    bool is_used(uint32_t slot) const {
        auto const number = slot / kChunkRows, index = slot % kChunkRows;
        if (slot == 0 || number >= chunks_.size()) return false;
        return index < chunks_[number].begun && chunks_[number].rows[index].used;
    }
    // REQUIRES: is_used(slot).
    InodeRow& operator[](uint32_t slot) { return chunks_[slot / kChunkRows].rows[slot % kChunkRows]; }
    InodeRow const& operator[](uint32_t slot) const {
        return chunks_[slot / kChunkRows].rows[slot % kChunkRows];
    }

    // 0 if the host has no memory, all slots are used or were used up.
    uint32_t allocate();
    void release(uint32_t slot);
    // Calls f(slot) for each that is used.
    template <class F>
    void for_each(F f) const {
        for (uint32_t slot = 1; slot < chunks_.size() * kChunkRows; ++slot)
            if (is_used(slot)) f(slot);
    }

private:
    static constexpr uint32_t kChunkRows = 1024;
    static constexpr uint32_t kLastGeneration = (1u << (48 - kSlotBits)) - 1;  // InodeRow::generation's most

    struct Chunk {
        Mapping memory;            // nothing while no row is used
        InodeRow* rows = nullptr;  // in `memory`
        uint32_t begun = 0;        // of its rows; those behind were never used
        uint32_t used = 0;
        uint32_t free = 0;  // first of the slots that were given back; each names the next as its parent
        uint32_t generation = 0;  // that a row begins with

        bool has_room() const { return free != 0 || begun < kChunkRows; }
    };
    bool obtain(Chunk& chunk);
    void give_back(Chunk& chunk);

    std::vector<Chunk> chunks_;
    std::vector<uint32_t> with_room_;  // numbers of chunks
    // A chunk without a row that has its memory still: the next row must not cost a system call.
    std::optional<uint32_t> spare_;
    size_t used_ = 0;
};

}  // namespace krun::fs
