// SPDX-License-Identifier: Apache-2.0
// Builds small bzImages, good ones and, by editing the header, bad ones.
#pragma once
#include <asm/bootparam.h>

#include <cstring>
#include <string>

#include "base/fd.h"
#include "tests/support/guest_driver.h"

namespace krun::vmm {

struct BzImage {
    setup_header header{};
    std::string content;  // the protected-mode part; its 64-bit entry point is 0x200 bytes in

    static BzImage with(uint64_t at, std::string content) {
        BzImage image;
        auto& h = image.header;
        h.setup_sects = 7;
        h.boot_flag = 0xaa55;
        h.jump = 0x6aeb;  // the header ends 0x6a bytes after the jump
        h.header = 0x53726448;
        h.version = 0x20f;
        h.loadflags = LOADED_HIGH;
        h.xloadflags = XLF_KERNEL_64;
        h.initrd_addr_max = 0x7fffffff;
        h.pref_address = at;
        h.init_size = 0x10000;
        image.content = std::move(content);
        return image;
    }
    std::string bytes() const {
        size_t const sectors = header.setup_sects == 0 ? 4 : header.setup_sects;
        std::string out((sectors + 1) * 512, '\xee');  // what must never show up in guest RAM
        std::memcpy(out.data() + 0x1f1, &header, sizeof header);
        return out + content;
    }
    static UniqueFd file_of(std::string const& bytes) {
        auto fd = must(make_memfd("kernel", 0));
        must(write_full(fd.borrow(), bytes));
        return fd;
    }
};

}  // namespace krun::vmm
