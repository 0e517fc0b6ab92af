// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/cmdline.h"

#include <algorithm>
#include <cstdio>

#include "vmm/memory/layout.h"

namespace krun::vmm {
namespace {

// hvc0: the virtio console, there is no other. reboot=t: a triple fault is the one reset this machine has,
// and panic=-1 takes it at once. The TSC needs no watchdog and the timer interrupt no test: KVM keeps both.
constexpr char kBase[] = "console=hvc0 quiet reboot=t panic=-1 tsc=reliable no_timer_check";

std::string device_argument(DevicePlace const& place) {
    char text[80];
    std::snprintf(text, sizeof text, " virtio_mmio.device=%lluK@0x%llx:%u",
                  static_cast<unsigned long long>(place.len_bytes / 1024),
                  static_cast<unsigned long long>(raw(place.at)), place.interrupt);
    return text;
}

}  // namespace

Result<std::string> build_cmdline(std::span<DevicePlace const> devices, std::string const& extra) {
    auto const is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (std::any_of(extra.begin(), extra.end(), is_control))
        return fail(Error(Errc::kInvalidConfig, "kernel command line has a control character"));
    std::string out = kBase;
    for (auto const& place : devices) out += device_argument(place);
    if (!extra.empty()) out += " " + extra;
    if (out.size() >= layout::kCmdlineMaxBytes)
        return fail(Error(Errc::kInvalidConfig, "kernel command line has " + std::to_string(out.size()) +
                                                    " bytes, at most " +
                                                    std::to_string(layout::kCmdlineMaxBytes - 1) + " fit"));
    return out;
}

}  // namespace krun::vmm
