// SPDX-License-Identifier: Apache-2.0
#include "init/log.h"

#include <unistd.h>

#include <ctime>
#include <string>

#include "base/fd.h"

namespace krun::init {
namespace {

bool g_debug = false;

void write_line(std::string_view text) {
    // Standard error is the console from the kernel (init/main.c console_on_rootfs) until the payload's own
    // process replaces it.
    std::string line("krun-init: ");
    line.append(text).push_back('\n');
    ignore(write_full(BorrowedFd(STDERR_FILENO), line), "nobody to tell");
}

}  // namespace

void enable_debug_log() {
    g_debug = true;
}

void log_step(std::string_view step) {
    if (!g_debug) return;
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);  // as the kernel's own lines
    auto const us = static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
    std::string line = std::to_string(us);
    line.append(" us: ").append(step);
    write_line(line);
}

void log_error(std::string_view text) {
    write_line(text);
}

}  // namespace krun::init
