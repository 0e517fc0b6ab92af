// SPDX-License-Identifier: Apache-2.0
#include "fs/passthrough/inode_rows.h"

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "base/check.h"

namespace krun::fs {

InodeRows::InodeRows() {
    allocate();  // slot 0 means "none"
    KRUN_CHECK(used_ == 1, "no memory for the first files");
}

InodeRows::~InodeRows() {
    for (auto& chunk : chunks_) std::destroy_n(chunk.rows, chunk.begun);
}

uint32_t InodeRows::allocate() {
    if (with_room_.empty()) {
        if (chunks_.size() == kMaxSlots / kChunkRows) return 0;
        with_room_.push_back(static_cast<uint32_t>(chunks_.size()));
        chunks_.emplace_back();
    }
    uint32_t const number = with_room_.back();
    auto& chunk = chunks_[number];
    if (!obtain(chunk)) return 0;
    if (spare_ == number) spare_.reset();
    uint32_t slot = chunk.free;
    if (slot == 0) {
        slot = number * kChunkRows + chunk.begun;
        auto* const row = new (&chunk.rows[chunk.begun++]) InodeRow;
        row->generation = chunk.generation & kLastGeneration;
    } else {
        chunk.free = std::exchange((*this)[slot].parent, 0);
    }
    (*this)[slot].used = 1;
    ++chunk.used;
    ++used_;
    if (!chunk.has_room()) with_room_.pop_back();
    return slot;
}

void InodeRows::release(uint32_t slot) {
    uint32_t const number = slot / kChunkRows;
    auto& chunk = chunks_[number];
    auto* const row = &(*this)[slot];
    uint32_t const generation = row->generation + 1;
    row->~InodeRow();
    new (row) InodeRow;
    row->generation = generation & kLastGeneration;
    --used_;
    --chunk.used;
    if (generation < kLastGeneration) {
        if (!chunk.has_room()) with_room_.push_back(number);
        row->parent = std::exchange(chunk.free, slot);
    }
    if (chunk.used > 0) return;
    if (spare_) give_back(chunks_[*spare_]);
    spare_ = number;
}

bool InodeRows::obtain(Chunk& chunk) {
    if (chunk.rows != nullptr) return true;
    auto memory = Mapping::anonymous(kChunkRows * sizeof(InodeRow));
    if (!memory.ok()) return false;
    chunk.memory = std::move(memory).value();
    chunk.rows = reinterpret_cast<InodeRow*>(chunk.memory.bytes().data());
    return true;
}

// Its rows will begin with a generation that none of them has had. A chunk that has used a slot up keeps
// track of it.
void InodeRows::give_back(Chunk& chunk) {
    uint32_t generation = chunk.generation;
    for (uint32_t i = 0; i < chunk.begun; ++i)
        generation = std::max<uint32_t>(generation, chunk.rows[i].generation);
    if (generation == kLastGeneration) return;
    std::destroy_n(chunk.rows, chunk.begun);
    chunk = Chunk{};
    chunk.generation = generation;
}

}  // namespace krun::fs
