// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/kernel_config.h"

#include <cstring>

#include "base/mapping.h"
#include "vmm/boot/compressed.h"
#include "vmm/boot/segment.h"

namespace krun::vmm {
namespace {

constexpr std::string_view kBegin = "IKCFG_ST";
constexpr size_t kMaxConfigBytes = size_t{1} << 20;  // a distribution's has 300 KiB

}  // namespace

std::optional<std::string> embedded_config(BorrowedFd image) {
    auto const size = size_of(image);
    if (!size.ok() || size.value() == 0 || size.value() > kMaxUnpackedBytes) return std::nullopt;
    auto const mapping = Mapping::file_read_only(image, 0, static_cast<size_t>(size.value()));
    if (!mapping.ok()) return std::nullopt;
    std::span<std::byte const> const bytes = mapping.value().bytes();
    auto const* const found =
        static_cast<std::byte const*>(::memmem(bytes.data(), bytes.size(), kBegin.data(), kBegin.size()));
    if (found == nullptr) return std::nullopt;
    return gunzip(bytes.subspan(static_cast<size_t>(found - bytes.data()) + kBegin.size()), kMaxConfigBytes);
}

bool is_not_built_in(std::string_view config, std::string_view option) {
    std::string const line = "\n" + std::string(option) + "=y\n";
    return config.find(line) == config.npos;
}

bool lacks_option(BorrowedFd image, std::string_view option) {
    auto const config = embedded_config(image);
    return config && is_not_built_in(*config, option);
}

}  // namespace krun::vmm
