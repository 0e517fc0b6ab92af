// SPDX-License-Identifier: Apache-2.0
#include "vmm/memory/guest_memory.h"

#include <sys/mman.h>

namespace krun::vmm {
namespace {

constexpr uint64_t kPageMask = 4095;

bool disjoint(GuestRange const& a, GuestRange const& b) {
    return raw(a.base) + a.len_bytes <= raw(b.base) || raw(b.base) + b.len_bytes <= raw(a.base);
}

bool well_formed(std::span<GuestRange const> ranges) {
    for (size_t i = 0; i < ranges.size(); ++i) {
        auto const& r = ranges[i];
        if (r.len_bytes == 0 || ((raw(r.base) | r.len_bytes) & kPageMask) != 0) return false;
        if (!checked_add(raw(r.base), r.len_bytes)) return false;
        for (size_t j = 0; j < i; ++j)
            if (!disjoint(r, ranges[j])) return false;
    }
    return true;
}

// Memory that the guest touches comes in huge pages: a booting kernel then costs dozens of EPT faults, not
// ten thousand. Not so the first of them: a few boot structures are all that is written there. A host without
// transparent huge pages refuses, and loses only time.
void prefer_huge_pages(std::span<std::byte> ram) {
    constexpr size_t kHugePage = size_t{2} << 20;
    if (ram.size() > kHugePage) ::madvise(ram.data() + kHugePage, ram.size() - kHugePage, MADV_HUGEPAGE);
}

// What a payload has in memory is not for a file on the host, however large a core the user allows.
void leave_out_of_cores(std::span<std::byte> ram) {
    ::madvise(ram.data(), ram.size(), MADV_DONTDUMP);
}

}  // namespace

Result<void, GuestFault> GuestSlice::write_bytes(size_t offset, std::span<std::byte const> in) const {
    if (!holds(offset, in.size())) return fail(GuestFault{"write past slice"});
    if (!in.empty()) std::memcpy(bytes_.data() + offset, in.data(), in.size());
    return {};
}

Result<GuestMemory> GuestMemory::make(std::span<GuestRange const> ranges) {
    if (!well_formed(ranges))
        return fail(Error(Errc::kInternal, "guest memory ranges overlap or are not pages"));
    std::vector<Region> regions;
    for (auto const& r : ranges) {
        auto memory = TRY_WITH(Mapping::anonymous(r.len_bytes), "allocate guest RAM");
        regions.push_back({r.base, std::move(memory)});
    }
    for (auto const& r : regions) {
        prefer_huge_pages(r.host.bytes());
        leave_out_of_cores(r.host.bytes());
    }
    return GuestMemory(std::move(regions));
}

Result<void> GuestMemory::map_file(GuestAddr at, uint64_t len, BorrowedFd file, uint64_t file_offset) {
    if (((raw(at) | len | file_offset) & kPageMask) != 0 || len == 0)
        return fail(Error(Errc::kInternal, "file mapping is not whole pages"));
    auto const target = slice(at, len);
    if (!target.ok()) return fail(Error(Errc::kInternal, "file mapping outside guest RAM"));
    // MAP_FIXED is in bounds: slice() proved [at, at + len) inside one region that we own.
    void* const host = target.value().for_kernel().iov_base;
    if (::mmap(host, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file.raw(),
               static_cast<off_t>(file_offset)) == MAP_FAILED)
        return fail(Error::sys("map a file into guest RAM"));
    leave_out_of_cores(std::span(static_cast<std::byte*>(host), len));  // what the guest changes of it
    return {};
}

uint64_t GuestMemory::size_bytes() const {
    uint64_t sum = 0;
    for (auto const& r : regions_) sum += r.host.bytes().size();
    return sum;
}

}  // namespace krun::vmm
