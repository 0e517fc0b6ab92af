// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/segment.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "vmm/memory/layout.h"

namespace krun::vmm {
namespace {

constexpr uint64_t kPage = layout::kPage;

// Reads [begin, end) of guest-physical memory from the file.
Result<void> copy_part(GuestMemory const& ram, BorrowedFd file, Segment const& s, uint64_t begin,
                       uint64_t end) {
    if (begin >= end) return {};
    auto const slice = ram.slice(GuestAddr{begin}, end - begin);
    if (!slice.ok()) return bad_kernel("segment outside the guest's RAM");
    auto const target = slice.value().for_kernel();
    return read_all(file, s.file_offset + (begin - s.begin),
                    std::span(static_cast<std::byte*>(target.iov_base), target.iov_len));
}

}  // namespace

Failure<Error> bad_kernel(char const* rule, Where where) {
    return fail(Error(Errc::kInvalidConfig, std::string("not a kernel we can load: ") + rule, 0, where));
}

Result<size_t> read_some(BorrowedFd file, uint64_t offset, std::span<std::byte> out) {
    size_t done = 0;
    while (done < out.size()) {
        ssize_t const n =
            ::pread(file.raw(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(Error::sys("read the kernel"));
        if (n == 0) break;
        done += static_cast<size_t>(n);
    }
    return done;
}

Result<void> read_all(BorrowedFd file, uint64_t offset, std::span<std::byte> out) {
    size_t const n = TRY(read_some(file, offset, out));
    if (n < out.size()) return bad_kernel("it ends too early");
    return {};
}

Result<uint64_t> size_of(BorrowedFd file) {
    struct stat st;
    if (::fstat(file.raw(), &st) < 0) return fail(Error::sys("stat the kernel"));
    return static_cast<uint64_t>(st.st_size);
}

// Pages that belong to the segment from edge to edge are mapped; the edges are copied, because a neighbour or
// zeroes may share their pages. A segment that the file does not hold at the same place in a page is copied,
// and so is one that the kernel writes: most of its pages would become private all the same, each by two EPT
// faults, where anonymous memory comes as one huge page.
Result<void> load_segment(GuestMemory& ram, BorrowedFd file, Segment const& s) {
    uint64_t const file_end = s.begin + s.file_bytes;
    bool const same_place = s.begin % kPage == s.file_offset % kPage;
    uint64_t const first = (s.begin + kPage - 1) & ~(kPage - 1);
    uint64_t const last = file_end & ~(kPage - 1);
    if (s.is_written || !same_place || first >= last) return copy_part(ram, file, s, s.begin, file_end);
    TRY(copy_part(ram, file, s, s.begin, first));
    TRY(ram.map_file(GuestAddr{first}, last - first, file, s.file_offset + (first - s.begin)));
    return copy_part(ram, file, s, last, file_end);
}

}  // namespace krun::vmm
