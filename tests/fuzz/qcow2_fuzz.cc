// SPDX-License-Identifier: Apache-2.0
// A hostile qcow2 image. Whatever is accepted can be read, written, discarded and zeroed anywhere; what was
// written is read back; and the image that comes out of it is accepted again.
#include "base/fd.h"
#include "tests/fuzz/fuzz_script.h"
#include "tests/support/guest_driver.h"
#include "vmm/disk/qcow2_disk.h"

namespace krun::vmm {
namespace {

constexpr size_t kMaxImageBytes = 1 << 20;
constexpr uint64_t kMaxDiskBytes = uint64_t{1} << 30;  // a file that grows further is of no interest

void property(bool holds) {
    if (!holds) std::abort();
}

Result<std::unique_ptr<Disk>> open(UniqueFd const& file, bool read_only) {
    auto image = TRY(ImageFile::adopt(must(duplicate(file.borrow())), read_only));
    return Qcow2Disk::make(std::move(image));
}

// Whole sectors somewhere on the disk.
struct Place {
    uint64_t at, len;
};
Place place(FuzzScript& script, uint64_t size) {
    uint64_t const sectors = size / kSectorBytes;
    uint64_t const at = script.take<uint32_t>() % sectors;
    uint64_t const len = 1 + script.take<uint8_t>() % std::min<uint64_t>(sectors - at, 40);
    return {at * kSectorBytes, len * kSectorBytes};
}

void use(Disk& disk, FuzzScript& script) {
    auto const kind = script.take<uint8_t>();
    auto const [at, len] = place(script, disk.size_bytes());
    std::string bytes(len, static_cast<char>(kind));
    iovec const part{bytes.data(), bytes.size()};
    if (disk.read_only() || kind % 4 == 0) return ignore(disk.read(at, {&part, 1}), "a short file may fail");
    if (kind % 4 == 1) return ignore(disk.discard(at, len), "likewise");
    auto const done = kind % 4 == 2 ? disk.write_zeroes(at, len, kind % 8 == 2) : disk.write(at, {&part, 1});
    if (!done.ok()) return;
    std::string const expected = kind % 4 == 2 ? std::string(len, '\0') : bytes;
    bytes.assign(len, '?');
    property(disk.read(at, {&part, 1}).ok() && bytes == expected);
}

}  // namespace
}  // namespace krun::vmm

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    using namespace krun;
    using namespace krun::vmm;
    if (size < 64 || size > kMaxImageBytes) return 0;
    FuzzScript script(data, 64);  // the rest is the image
    bool const read_only = (script.take<uint8_t>() & 1) != 0;
    auto const file = must(make_memfd("image", 0));
    must(write_full(file.borrow(), std::as_bytes(std::span(data + 64, size - 64))));
    {
        auto disk = open(file, read_only);
        if (!disk.ok() || disk.value()->size_bytes() > kMaxDiskBytes) return 0;
        while (!script.done()) use(*disk.value(), script);
    }
    property(open(file, read_only).ok());
    return 0;
}
