// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/chain.h"

#include <algorithm>

namespace krun::vmm {
namespace {

// Calls copy(part, done, n) for the bytes of `parts` from `offset` on, at most `limit` of them.
template <class Copy>
size_t for_each_piece(std::span<iovec const> parts, size_t offset, size_t limit, Copy copy) {
    size_t done = 0;
    for (auto const& part : parts) {
        if (done == limit) break;
        if (offset >= part.iov_len) {
            offset -= part.iov_len;
            continue;
        }
        size_t const n = std::min(part.iov_len - offset, limit - done);
        copy(static_cast<std::byte*>(part.iov_base) + offset, done, n);
        done += n;
        offset = 0;
    }
    return done;
}

}  // namespace

size_t Chain::copy_from(size_t offset, std::span<std::byte> out) const {
    size_t const n = for_each_piece(
        readable_, offset, out.size(),
        [&](std::byte* at, size_t done, size_t len) { std::memcpy(out.data() + done, at, len); });
    asm volatile("" : : "r"(out.data()) : "memory");  // `out` is the only copy from here on
    return n;
}

size_t Chain::copy_to(size_t offset, std::span<std::byte const> in) const {
    return for_each_piece(writable_, offset, in.size(), [&](std::byte* at, size_t done, size_t len) {
        std::memcpy(at, in.data() + done, len);
    });
}

ChainWalker::ChainWalker(GuestMemory const& ram, GuestSlice table, bool indirect_allowed)
    : ram_(ram),
      table_(table),
      // §2.7.5.3.1: no chain is longer than the queue, direct and indirect elements together. An indirect
      // table's own length would be the guest's choice, so it is no bound.
      steps_left_(static_cast<uint32_t>(table.size() / sizeof(Descriptor))),
      indirect_allowed_(indirect_allowed) {}

Result<void, GuestFault> ChainWalker::walk(uint16_t head, Chain& chain) {
    chain.head_ = head;
    chain.readable_.clear();
    chain.writable_.clear();
    chain.readable_bytes_ = chain.writable_bytes_ = 0;
    uint16_t index = head;
    while (true) {
        if (index >= table_.size() / sizeof(Descriptor))
            return fail(GuestFault{"descriptor index past table"});
        auto const d = TRY(table_.read<Descriptor>(size_t{index} * sizeof(Descriptor)));
        if ((d.flags & kIndirect) != 0) {
            TRY(enter_indirect(d));
            index = 0;
            continue;
        }
        if (steps_left_ == 0) return fail(GuestFault{"chain longer than the queue"});
        --steps_left_;
        TRY(append(d, chain));
        if ((d.flags & kNext) == 0) return {};
        index = d.next;
    }
}

Result<void, GuestFault> ChainWalker::enter_indirect(Descriptor const& d) {
    if (!indirect_allowed_) return fail(GuestFault{"indirect table without the feature"});
    // §2.7.5.3.1: no indirect table inside another, and none that also continues with NEXT. The one level
    // is also what ends walk()'s loop.
    if (in_indirect_ || (d.flags & kNext) != 0) return fail(GuestFault{"nested indirect table"});
    if (d.len % sizeof(Descriptor) != 0 || d.len == 0 || d.len / sizeof(Descriptor) > UINT16_MAX)
        return fail(GuestFault{"indirect table length"});
    in_indirect_ = true;
    table_ = TRY(ram_.slice(d.addr, d.len));
    return {};
}

Result<void, GuestFault> ChainWalker::append(Descriptor const& d, Chain& chain) {
    // §2.7.5.2: a chain is at most 2^32 bytes long in total.
    auto const total = checked_add(total_bytes_, d.len);
    if (!total) return fail(GuestFault{"chain longer than 2^32 bytes"});
    total_bytes_ = *total;
    bool const writable = (d.flags & kWrite) != 0;
    if (!writable && !chain.writable_.empty()) return fail(GuestFault{"readable part after a writable one"});
    auto const part = TRY(ram_.slice(d.addr, d.len));
    if (d.len == 0) return {};  // legal and empty: nothing for readv to see
    (writable ? chain.writable_ : chain.readable_).push_back(part.for_kernel());
    (writable ? chain.writable_bytes_ : chain.readable_bytes_) += d.len;
    return {};
}

}  // namespace krun::vmm
