// SPDX-License-Identifier: Apache-2.0
// A hostile blk driver on a small raw image: requests of any type, place and shape. Every chain that is taken
// comes back, the file keeps its size, and nothing aborts.
#include <sys/stat.h>

#include "base/fd.h"
#include "tests/fuzz/fuzz_script.h"
#include "tests/vmm/device/device_rig.h"
#include "vmm/device/blk.h"
#include "vmm/disk/raw_disk.h"

namespace krun::vmm {
namespace {

constexpr uint64_t kImageBytes = 64 * kSectorBytes;
constexpr int kMaxSteps = 100;

void property(bool holds) {
    if (!holds) std::abort();
}

class HostileBlk {
public:
    explicit HostileBlk(uint8_t flags) : file_(must(make_memfd("image", kImageBytes))) {
        auto file = must(ImageFile::adopt(must(duplicate(file_.borrow())), (flags & 1) != 0));
        device_ = must(Blk::make({"fuzz", must(RawDisk::make(std::move(file)))}, 1 + (flags >> 1) % 4));
        rig_ = std::make_unique<DeviceRig>(*device_, (flags & 8) != 0 ? ~uint64_t{0} : 0);
    }

    // False once the device takes nothing more.
    bool step(FuzzScript& script) {
        auto const shape = script.take<uint8_t>();
        auto const queue = static_cast<uint16_t>(shape % rig_->queue_count());
        auto& driver = rig_->driver(queue);
        auto const fresh = driver.mark();
        auto chain = driver.chain();
        chain.readable(header(script) + script.take_text(64));
        if ((shape & 16) != 0) chain.readable(std::string(script.take<uint8_t>() * size_t{64}, 'w'));
        if ((shape & 32) != 0) chain.writable(script.take<uint16_t>());
        if ((shape & 64) != 0) chain.writable(1);
        chain.publish();
        rig_->kick(queue);
        if (rig_->broken_rule().empty()) property(driver.take_used().has_value());
        driver.rewind(fresh);
        struct stat st {};
        property(::fstat(file_.borrow().raw(), &st) == 0 && st.st_size == kImageBytes);
        return rig_->broken_rule().empty();
    }

private:
    // Near the disk's end more often than not.
    static std::string header(FuzzScript& script) {
        struct {
            uint32_t type;
            uint32_t reserved;
            uint64_t sector;
        } h{script.take<uint8_t>() % 16u, 0, script.take<uint8_t>() % 70u};
        auto const odd = script.take<uint8_t>();
        if ((odd & 1) != 0) h.type = script.take<uint32_t>();
        if ((odd & 2) != 0) h.sector = script.take<uint64_t>();
        std::string bytes(reinterpret_cast<char const*>(&h), sizeof h);
        if ((odd & 12) == 12) bytes.resize(script.take<uint8_t>() % sizeof h + 1);
        return bytes;
    }

    UniqueFd file_;
    std::unique_ptr<Blk> device_;
    std::unique_ptr<DeviceRig> rig_;
};

}  // namespace
}  // namespace krun::vmm

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    krun::FuzzScript script(data, size);
    krun::vmm::HostileBlk blk(script.take<uint8_t>());
    for (int i = 0; i < krun::vmm::kMaxSteps && !script.done() && blk.step(script); ++i) continue;
    return 0;
}
