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

TEST(Cmdline, OperatorsParametersComeLast) {
    std::string const parameters[] = {"mitigations=off", "quiet2"};
    auto const line = build_cmdline({}, "root=krun", parameters);
    ASSERT_TRUE(line.ok());
    EXPECT_TRUE(line.value().ends_with(" root=krun mitigations=off quiet2")) << line.value();
}

TEST(Cmdline, ParameterThatTheMachineSetsItselfIsRefusedByName) {
    for (auto const* parameter :
         {"init=/bin/sh", "root=/dev/sda", "console=ttyS0", "panic=0", "ro", "virtio-mmio.device=1",
          "virtio_mmio.device=1", "no-timer_check", "mem=1M", "memmap=1M", "initrd=0,1", "--"}) {
        std::string const one = parameter;
        auto const line = build_cmdline(kPlaces, "root=krun rw init=/init.krun", {&one, 1});
        ASSERT_FALSE(line.ok()) << parameter;
        EXPECT_EQ(line.error().message(), "kernel parameter \"" + one + "\": it is the machine's own");
    }
}

TEST(Cmdline, ParameterThatCouldHideAnotherIsRefused) {
    for (std::string const one : {"", "a b", "\"init=/x\"", "a\tb", "a\nb", "\x7f", "\xc3\xa4"}) {
        auto const line = build_cmdline({}, "", {&one, 1});
        ASSERT_FALSE(line.ok()) << one;
        EXPECT_NE(line.error().message().find("expected printable characters"), std::string::npos);
    }
}

}  // namespace
}  // namespace krun::vmm
