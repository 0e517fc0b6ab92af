// SPDX-License-Identifier: Apache-2.0
// Guest RAM as the host sees it. Every access is checked here; nothing else holds a pointer into it.
// The map is fixed before the VM runs, so readers on any thread need no lock; the bytes themselves may
// be changed by the guest at any moment.
#pragma once
#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "base/checked.h"
#include "base/mapping.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace krun::vmm {

// A guest-physical address in bytes. Not an integer: arithmetic goes through after().
enum class GuestAddr : uint64_t {};
constexpr uint64_t raw(GuestAddr a) {
    return static_cast<uint64_t>(a);
}

// The guest broke a rule it can see (an address outside RAM, a looping chain). Never fatal to us.
struct GuestFault {
    char const* rule;
};

inline Result<GuestAddr, GuestFault> after(GuestAddr a, uint64_t bytes) {
    auto const sum = checked_add(raw(a), bytes);
    if (!sum) return fail(GuestFault{"guest address wraps"});
    return GuestAddr{*sum};
}

// Types whose every bit pattern is a value, so that guest bytes can be copied into one.
template <class T>
concept GuestPod = std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T>;

// `len` host bytes proved to lie in one RAM region. The guest may change them at any moment, so
// there is no way to get a reference to them: read copies out, write copies in.
class GuestSlice {
public:
    size_t size() const { return bytes_.size(); }

    template <GuestPod T>
    Result<T, GuestFault> read(size_t offset) const {
        if (!holds(offset, sizeof(T))) return fail(GuestFault{"read past slice"});
        T out;
        std::memcpy(&out, bytes_.data() + offset, sizeof(T));
        asm volatile("" : : "r"(&out) : "memory");  // `out` is now the only copy: no second fetch
        return out;
    }
    template <GuestPod T>
    Result<void, GuestFault> write(size_t offset, T const& value) const {
        if (!holds(offset, sizeof(T))) return fail(GuestFault{"write past slice"});
        std::memcpy(bytes_.data() + offset, &value, sizeof(T));
        return {};
    }
    Result<void, GuestFault> write_bytes(size_t offset, std::span<std::byte const> in) const;

    // Indices that both sides use at once. The access is atomic and ordered against everything before
    // (store) or after (load) it. Fails if it is not inside the slice or not aligned to T.
    template <GuestPod T>
    Result<T, GuestFault> load_acquire(size_t offset) const {
        if (!holds_aligned(offset, sizeof(T))) return fail(GuestFault{"read past slice"});
        return std::atomic_ref(*reinterpret_cast<T*>(bytes_.data() + offset)).load(std::memory_order_acquire);
    }
    template <GuestPod T>
    Result<void, GuestFault> store_release(size_t offset, T value) const {
        if (!holds_aligned(offset, sizeof(T))) return fail(GuestFault{"write past slice"});
        std::atomic_ref(*reinterpret_cast<T*>(bytes_.data() + offset))
            .store(value, std::memory_order_release);
        return {};
    }

    // For the kernel only (preadv, pwritev): it copies once and returns EFAULT on a bad page.
    iovec for_kernel() const { return {bytes_.data(), bytes_.size()}; }

private:
    friend class GuestMemory;
    explicit GuestSlice(std::span<std::byte> bytes) : bytes_(bytes) {}
    bool holds(size_t offset, size_t len) const { return offset <= size() && len <= size() - offset; }
    bool holds_aligned(size_t offset, size_t len) const {
        return holds(offset, len) && (reinterpret_cast<uintptr_t>(bytes_.data()) + offset) % len == 0;
    }
    std::span<std::byte> bytes_;
};

// The half-open range [base, base + len_bytes) of guest-physical addresses.
struct GuestRange {
    GuestAddr base;
    uint64_t len_bytes;
};

class GuestMemory {
public:
    struct Region {
        GuestAddr base;
        Mapping host;
    };
    // Zero-filled private memory for each range; untouched pages cost nothing. Ranges must be aligned to
    // pages, not empty and disjoint: otherwise kInternal.
    static Result<GuestMemory> make(std::span<GuestRange const> ranges);

    // [at, at + len) in bytes; len may be 0. Fails if the range is not inside one region.
    Result<GuestSlice, GuestFault> slice(GuestAddr at, size_t len) const {
        for (auto const& r : regions_) {
            if (raw(at) < raw(r.base)) continue;
            uint64_t const offset = raw(at) - raw(r.base);
            auto const host = r.host.bytes();
            if (offset > host.size() || len > host.size() - offset) continue;
            return GuestSlice(host.subspan(offset, len));
        }
        return fail(GuestFault{"address outside guest RAM"});
    }
    template <GuestPod T>
    Result<T, GuestFault> read(GuestAddr at) const {
        auto const bytes = TRY(slice(at, sizeof(T)));
        return bytes.template read<T>(0);
    }
    template <GuestPod T>
    Result<void, GuestFault> write(GuestAddr at, T const& value) const {
        auto const bytes = TRY(slice(at, sizeof(T)));
        return bytes.write(0, value);
    }

    // Puts `len` bytes of `file` from `file_offset` on at `at`, private: the guest's writes go to copies,
    // unwritten pages stay shared with the page cache. All three must be multiples of the page size.
    // Call before the VM runs. The file must not shrink afterwards: reading past its end is SIGBUS.
    Result<void> map_file(GuestAddr at, uint64_t len, BorrowedFd file, uint64_t file_offset);

    std::span<Region const> regions() const { return regions_; }
    uint64_t size_bytes() const;

private:
    explicit GuestMemory(std::vector<Region> regions) : regions_(std::move(regions)) {}
    std::vector<Region> regions_;
};

}  // namespace krun::vmm
