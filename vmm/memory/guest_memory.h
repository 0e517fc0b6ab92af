// SPDX-License-Identifier: Apache-2.0
// Guest RAM as the host sees it. Every access is checked here; nothing else holds a pointer into it.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "base/checked.h"
#include "base/result.h"

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
        if (offset > size() || sizeof(T) > size() - offset) return fail(GuestFault{"read past slice"});
        T out;
        std::memcpy(&out, bytes_.data() + offset, sizeof(T));
        asm volatile("" : : "r"(&out) : "memory");  // `out` is now the only copy: no second fetch
        return out;
    }
    template <GuestPod T>
    Result<void, GuestFault> write(size_t offset, T const& value) const {
        if (offset > size() || sizeof(T) > size() - offset) return fail(GuestFault{"write past slice"});
        std::memcpy(bytes_.data() + offset, &value, sizeof(T));
        return {};
    }
    // For the kernel only (preadv, pwritev): it copies once and returns EFAULT on a bad page.
    iovec for_kernel() const { return {bytes_.data(), bytes_.size()}; }

private:
    friend class GuestMemory;
    explicit GuestSlice(std::span<std::byte> bytes) : bytes_(bytes) {}
    std::span<std::byte> bytes_;
};

// The map is fixed once the VM runs; readers need no lock.
class GuestMemory {
public:
    struct Region {
        GuestAddr base;
        std::span<std::byte> host;
    };
    explicit GuestMemory(std::vector<Region> regions) : regions_(std::move(regions)) {}

    // [at, at + len) in bytes; len may be 0. Fails if the range is not inside one region.
    Result<GuestSlice, GuestFault> slice(GuestAddr at, size_t len) const {
        for (auto const& r : regions_) {
            if (raw(at) < raw(r.base)) continue;
            uint64_t const offset = raw(at) - raw(r.base);
            if (offset > r.host.size() || len > r.host.size() - offset) continue;
            return GuestSlice(r.host.subspan(offset, len));
        }
        return fail(GuestFault{"address outside guest RAM"});
    }
    template <GuestPod T>
    Result<T, GuestFault> read(GuestAddr at) const {
        return TRY(slice(at, sizeof(T)))
        .template read<T>(0);
    }

private:
    std::vector<Region> regions_;
};

}  // namespace krun::vmm
