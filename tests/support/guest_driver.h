// SPDX-License-Identifier: Apache-2.0
// The driver's half of a split virtqueue (virtio-v1.2 §2.7), as a guest kernel would run it, for unit tests,
// fuzzers and benchmarks. It keeps the rules unless told otherwise: the raw_ methods break them on purpose.
// Everything lives in one page-aligned piece of guest RAM: rings first, then buffers.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vmm/memory/guest_memory.h"
#include "vmm/virtio/chain.h"
#include "vmm/virtio/queue.h"

namespace krun::vmm {

// The value of a step that cannot fail unless the test itself is wrong.
template <class T, class E>
T must(Result<T, E> result) {
    if (!result.ok()) std::abort();
    return std::move(result).value();
}
template <class E>
void must(Result<void, E> result) {
    if (!result.ok()) std::abort();
}

// RAM at [0, len_bytes) of a guest that has nothing else.
inline GuestMemory small_ram(uint64_t len_bytes = 1 << 20) {
    GuestRange const range{GuestAddr{0}, len_bytes};
    return must(GuestMemory::make({&range, 1}));
}

struct DriverOptions {
    GuestAddr base{0x1000};           // where rings and buffers begin; a multiple of 16
    uint64_t room_bytes = 256 << 10;  // for rings and buffers together
    uint16_t size = 8;                // entries
    bool event_idx = false;
    bool indirect = true;
};

class GuestDriver {
public:
    struct Used {
        uint16_t head;
        uint32_t len_bytes;
        std::string data;  // the first len_bytes of the chain's writable parts
    };
    class ChainBuilder;

    explicit GuestDriver(GuestMemory const& ram, DriverOptions options = {}) : ram_(ram), o_(options) {
        uint64_t const size = o_.size;
        descriptors_ = raw(o_.base);
        available_ = descriptors_ + 16 * size;
        used_ = align(available_ + 6 + 2 * size, 4);
        heap_ = align(used_ + 6 + 8 * size, 16);
        end_ = raw(o_.base) + o_.room_bytes;
        for (uint16_t i = 0; i < o_.size; ++i) free_.push_back(static_cast<uint16_t>(o_.size - 1 - i));
        chains_.resize(o_.size);
    }

    // What the driver writes into the transport's registers.
    QueueLayout layout() const {
        return {.size = o_.size,
                .descriptors = GuestAddr{descriptors_},
                .driver_area = GuestAddr{available_},
                .device_area = GuestAddr{used_},
                .event_idx = o_.event_idx,
                .indirect = o_.indirect};
    }
    Queue make_queue() const { return must(Queue::make(ram_, layout())); }

    // driver.chain().readable("abc").writable(64).publish()
    ChainBuilder chain();

    // The next used element, if the device has returned one; its descriptors are free again.
    std::optional<Used> take_used() {
        if (used_index() == seen_used_) return std::nullopt;
        uint64_t const at = used_ + 4 + 8 * (seen_used_ % o_.size);
        ++seen_used_;
        auto const head = static_cast<uint16_t>(get<uint32_t>(at));
        auto const len = get<uint32_t>(at + 4);
        Used used{head, len, written(head, len)};
        for (uint16_t const d : chains_[head].descriptors) free_.push_back(d);
        chains_[head].descriptors.clear();
        return used;
    }

    // The first `len` bytes of the writable parts of the chain at `head`.
    std::string written(uint16_t head, size_t len) const {
        std::string out;
        for (auto const& [at, part_len] : chains_[head].writable) {
            auto const bytes = std::min<size_t>(part_len, len - out.size());
            auto const part = must(ram_.slice(GuestAddr{at}, bytes)).for_kernel();
            out.append(static_cast<char const*>(part.iov_base), bytes);
        }
        return out;
    }

    // A piece of the heap, zeroed by RAM's birth and never reused; 16-byte aligned.
    GuestAddr allocate(uint64_t len_bytes) {
        uint64_t const at = heap_;
        heap_ = align(heap_ + len_bytes, 16);
        if (heap_ > end_) std::abort();  // give DriverOptions::room_bytes more
        return GuestAddr{at};
    }
    // Gives back what was allocated since mark(). REQUIRES: no chain of it is outstanding.
    GuestAddr mark() const { return GuestAddr{heap_}; }
    void rewind(GuestAddr to) { heap_ = raw(to); }
    void write(GuestAddr at, std::string_view bytes) {
        must(must(ram_.slice(at, bytes.size())).write_bytes(0, std::as_bytes(std::span(bytes))));
    }

    // What the driver tells the device about interrupts: an index with EVENT_IDX, else a flag.
    void set_used_event(uint16_t index) {
        must(word_at(available_ + 4 + 2 * o_.size).store_release<uint16_t>(0, index));
    }
    void set_no_interrupt(bool off) { put<uint16_t>(available_, off ? 1 : 0); }
    // What the device tells the driver about notifications.
    uint16_t available_event() const {
        return must(word_at(used_ + 4 + 8 * o_.size).load_acquire<uint16_t>(0));
    }
    // The indices are what the two sides synchronise on (§2.7.13), as in a kernel with its barriers.
    uint16_t used_index() const { return must(index_at(used_).load_acquire<uint16_t>(2)); }
    uint16_t available_index() const { return must(index_at(available_).load_acquire<uint16_t>(2)); }

    // Rule breakers.
    void raw_descriptor(uint16_t index, Descriptor d) { put(descriptors_ + 16 * index, d); }
    void raw_available_entry(uint16_t slot, uint16_t head) { put<uint16_t>(available_ + 4 + 2 * slot, head); }
    void raw_available_index(uint16_t index) { must(index_at(available_).store_release<uint16_t>(2, index)); }
    // Offers `head` as it stands.
    void raw_offer(uint16_t head) {
        raw_available_entry(available_index() % o_.size, head);
        raw_available_index(static_cast<uint16_t>(available_index() + 1));
    }

private:
    struct Outstanding {
        std::vector<uint16_t> descriptors;
        std::vector<std::pair<uint64_t, uint64_t>> writable;  // address, length
    };
    static uint64_t align(uint64_t v, uint64_t to) { return (v + to - 1) / to * to; }
    GuestSlice word_at(uint64_t at) const { return must(ram_.slice(GuestAddr{at}, 2)); }
    GuestSlice index_at(uint64_t ring) const { return must(ram_.slice(GuestAddr{ring}, 4)); }
    template <GuestPod T>
    T get(uint64_t at) const {
        return must(ram_.read<T>(GuestAddr{at}));
    }
    template <GuestPod T>
    void put(uint64_t at, T value) {
        must(ram_.write(GuestAddr{at}, value));
    }

    GuestMemory const& ram_;
    DriverOptions o_;
    uint64_t descriptors_, available_, used_, heap_, end_;
    uint16_t seen_used_ = 0;
    std::vector<uint16_t> free_;
    std::vector<Outstanding> chains_;
};

// One chain: parts in order, then publish().
class GuestDriver::ChainBuilder {
public:
    explicit ChainBuilder(GuestDriver& driver) : driver_(driver) {}

    ChainBuilder& readable(std::string_view bytes) {
        auto const at = driver_.allocate(bytes.size());
        driver_.write(at, bytes);
        parts_.push_back({at, static_cast<uint32_t>(bytes.size()), 0, 0});
        return *this;
    }
    template <GuestPod T>
    ChainBuilder& readable_pod(T const& value) {
        return readable({reinterpret_cast<char const*>(&value), sizeof value});
    }
    ChainBuilder& writable(uint32_t len_bytes) {
        parts_.push_back({driver_.allocate(len_bytes), len_bytes, kWrite, 0});
        return *this;
    }
    // A part at an address of the caller's choice; `flags` is 0 or kWrite.
    ChainBuilder& part(GuestAddr at, uint32_t len_bytes, uint16_t flags) {
        parts_.push_back({at, len_bytes, flags, 0});
        return *this;
    }
    // Puts all parts into an indirect table (§2.7.5.3).
    ChainBuilder& indirect() {
        indirect_ = true;
        return *this;
    }

    // Makes the chain available and returns its head. REQUIRES: at least one part and enough free
    // descriptors.
    uint16_t publish() {
        Outstanding chain;
        for (auto const& p : parts_)
            if ((p.flags & kWrite) != 0) chain.writable.emplace_back(raw(p.addr), p.len);
        if (indirect_) fold_into_table();
        for (size_t i = 0; i < parts_.size(); ++i) {
            if (driver_.free_.empty()) std::abort();
            chain.descriptors.push_back(driver_.free_.back());
            driver_.free_.pop_back();
        }
        for (size_t i = 0; i < parts_.size(); ++i) {
            if (i + 1 < parts_.size()) {
                parts_[i].flags = static_cast<uint16_t>(parts_[i].flags | kNext);
                parts_[i].next = chain.descriptors[i + 1];
            }
            driver_.raw_descriptor(chain.descriptors[i], parts_[i]);
        }
        uint16_t const head = chain.descriptors.at(0);
        driver_.chains_[head] = std::move(chain);
        driver_.raw_offer(head);
        return head;
    }

private:
    void fold_into_table() {
        auto const table = driver_.allocate(parts_.size() * sizeof(Descriptor));
        for (size_t i = 0; i < parts_.size(); ++i) {
            if (i + 1 < parts_.size()) {
                parts_[i].flags = static_cast<uint16_t>(parts_[i].flags | kNext);
                parts_[i].next = static_cast<uint16_t>(i + 1);
            }
            driver_.put(raw(table) + i * sizeof(Descriptor), parts_[i]);
        }
        parts_ = {{table, static_cast<uint32_t>(parts_.size() * sizeof(Descriptor)), kIndirect, 0}};
    }

    GuestDriver& driver_;
    std::vector<Descriptor> parts_;
    bool indirect_ = false;
};

inline GuestDriver::ChainBuilder GuestDriver::chain() {
    return ChainBuilder(*this);
}

}  // namespace krun::vmm
