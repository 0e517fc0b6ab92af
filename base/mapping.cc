// SPDX-License-Identifier: Apache-2.0
#include "base/mapping.h"

#include <sys/mman.h>

#include <string>

namespace krun {

Result<Mapping> Mapping::anonymous(size_t len_bytes) {
    void* const at = ::mmap(nullptr, len_bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return fail(Error::sys("map " + std::to_string(len_bytes) + " bytes of memory"));
    return Mapping(std::span(static_cast<std::byte*>(at), len_bytes));
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
