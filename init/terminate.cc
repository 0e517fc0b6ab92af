// SPDX-License-Identifier: Apache-2.0
// What std::terminate calls from the start. The library's own handler names the exception's type, for which
// it brings the demangler along: 45 KiB of a program that may have 1 MiB. Nothing in init throws but the
// allocator.
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <string_view>

// The library's name for it (libstdc++, unwind-cxx.h): defined here, its own is not linked.
// NOLINTBEGIN(bugprone-reserved-identifier)
namespace __cxxabiv1 {

extern std::terminate_handler __terminate_handler;
std::terminate_handler __terminate_handler = [] {
    constexpr std::string_view kLine = "krun-init: out of memory, or an exception that nothing catches\n";
    [[maybe_unused]] auto const written = ::write(STDERR_FILENO, kLine.data(), kLine.size());
    std::abort();
};

}  // namespace __cxxabiv1
// NOLINTEND(bugprone-reserved-identifier)
