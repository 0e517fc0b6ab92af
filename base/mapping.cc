// SPDX-License-Identifier: Apache-2.0
#include "base/mapping.h"

#include <sys/mman.h>

#include <string>

namespace krun {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

}  // namespace

Result<Mapping> Mapping::anonymous(size_t len_bytes) {
    // Kernels before 6.7 place it anywhere: take one huge page more, and give back both ends.
    size_t const room_bytes = len_bytes + (len_bytes < kHugePage ? 0 : kHugePage);
    void* const at = ::mmap(nullptr, room_bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return fail(Error::sys("map " + std::to_string(len_bytes) + " bytes of memory"));
    std::span const room(static_cast<std::byte*>(at), room_bytes);
    size_t const lead_bytes = len_bytes < kHugePage ? 0 : -reinterpret_cast<uintptr_t>(at) % kHugePage;
    if (lead_bytes != 0) ::munmap(at, lead_bytes);
    auto const tail = room.subspan(lead_bytes + len_bytes);
    if (!tail.empty()) ::munmap(tail.data(), tail.size());
    return Mapping(room.subspan(lead_bytes, len_bytes));
}

Result<Mapping> Mapping::file_read_only(BorrowedFd fd, uint64_t offset_bytes, size_t len_bytes) {
    void* const at =
        ::mmap(nullptr, len_bytes, PROT_READ, MAP_SHARED, fd.raw(), static_cast<off_t>(offset_bytes));
    if (at == MAP_FAILED) return fail(Error::sys("map " + std::to_string(len_bytes) + " bytes of a file"));
    return Mapping(std::span(static_cast<std::byte*>(at), len_bytes));
}

Result<Mapping> Mapping::file_shared(BorrowedFd fd, size_t len_bytes) {
    void* const at = ::mmap(nullptr, len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.raw(), 0);
    if (at == MAP_FAILED) return fail(Error::sys("share " + std::to_string(len_bytes) + " bytes of a file"));
    return Mapping(std::span(static_cast<std::byte*>(at), len_bytes));
}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
    if (this != &other) {
        Mapping const old(std::exchange(bytes_, std::exchange(other.bytes_, {})));
    }
    return *this;
}

Mapping::~Mapping() {
    if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace krun
