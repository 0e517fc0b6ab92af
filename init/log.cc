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

void write_step(int64_t us, std::string_view step) {
    std::string line = std::to_string(us);
    line.append(" us: ").append(step);
    write_line(line);
}

}  // namespace

int64_t boot_time_us() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

void enable_debug_log(int64_t started_us) {
    g_debug = true;
    write_step(started_us, "boot tree");
    log_step("debug log");
    log_step("debug log");
}

void log_step(std::string_view step) {
    if (g_debug) write_step(boot_time_us(), step);
}

void log_error(std::string_view text) {
    write_line(text);
}

}  // namespace krun::init
