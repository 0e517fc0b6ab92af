// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/cmdline.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string_view>

#include "base/strings.h"
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

// Linux takes '-' and '_' in names for the same.
std::string name_of(std::string_view word) {
    std::string name(word.substr(0, word.find('=')));
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

bool is_plain(std::string_view word) {
    return !word.empty() &&
           std::all_of(word.begin(), word.end(), [](char c) { return c > ' ' && c < 0x7f && c != '"'; });
}

// What would make the machine's root, memory or init another without naming a word of its line. "__" is "--":
// what follows is no longer the kernel's.
constexpr std::string_view kAlsoOurs[] = {"ro", "rootflags", "initrd", "initrdmem", "mem", "memmap", "__"};

bool is_taken(std::string_view line, std::string const& name) {
    if (std::find(std::begin(kAlsoOurs), std::end(kAlsoOurs), name) != std::end(kAlsoOurs)) return true;
    for (auto const word : split(line, ' '))
        if (name_of(word) == name) return true;
    return false;
}

Result<void> check_parameter(std::string_view line, std::string const& parameter) {
    char const* rule = nullptr;
    if (!is_plain(parameter))
        rule = "expected printable characters, without spaces and quotes";
    else if (is_taken(line, name_of(parameter)))
        rule = "it is the machine's own";
    if (rule == nullptr) return {};
    return fail(Error(Errc::kInvalidConfig, "kernel parameter " + quoted(parameter) + ": " + rule));
}

}  // namespace

Result<std::string> build_cmdline(std::span<DevicePlace const> devices, std::string const& extra,
                                  std::span<std::string const> parameters) {
    auto const is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (std::any_of(extra.begin(), extra.end(), is_control))
        return fail(Error(Errc::kInvalidConfig, "kernel command line has a control character"));
    std::string out = kBase;
    for (auto const& place : devices) out += device_argument(place);
    if (!extra.empty()) out += " " + extra;
    for (auto const& parameter : parameters) TRY(check_parameter(out, parameter));
    for (auto const& parameter : parameters) out += " " + parameter;
    if (out.size() >= layout::kCmdlineMaxBytes)
        return fail(Error(Errc::kInvalidConfig, "kernel command line has " + std::to_string(out.size()) +
                                                    " bytes, at most " +
                                                    std::to_string(layout::kCmdlineMaxBytes - 1) + " fit"));
    return out;
}

}  // namespace krun::vmm
