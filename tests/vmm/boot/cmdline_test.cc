// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/cmdline.h"

#include <gtest/gtest.h>

namespace krun::vmm {
namespace {

constexpr DevicePlace kPlaces[] = {{GuestAddr{0xd0000000}, 4096, 5}, {GuestAddr{0xd0001000}, 4096, 6}};

TEST(Cmdline, NamesEachDeviceThenWhatTheCallerAdds) {
    auto const line = build_cmdline(kPlaces, "root=krun rw");
    ASSERT_TRUE(line.ok());
    EXPECT_EQ(line.value(),
              "console=hvc0 quiet reboot=t panic=-1 tsc=reliable no_timer_check "
              "virtio_mmio.device=4K@0xd0000000:5 virtio_mmio.device=4K@0xd0001000:6 root=krun rw");
}

TEST(Cmdline, LongestLineThatLinuxTakesIsAcceptedAndOneByteMoreRefused) {
    size_t const base = build_cmdline({}, "x").value().size() - 1;
    EXPECT_EQ(build_cmdline({}, std::string(2047 - base, 'x')).value().size(), 2047u);
    EXPECT_EQ(build_cmdline({}, std::string(2048 - base, 'x')).error().message(),
              "kernel command line has 2048 bytes, at most 2047 fit");
}

TEST(Cmdline, ControlCharactersAreRefused) {
    for (auto const& extra : {std::string("a\nb"), std::string("a\0b", 3), std::string("\x7f")})
        EXPECT_EQ(build_cmdline({}, extra).error().message(), "kernel command line has a control character");
}

}  // namespace
}  // namespace krun::vmm
