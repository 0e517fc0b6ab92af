// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/progress.h"

#include <time.h>
#include <unistd.h>

#include <cstdio>

namespace krun::image {
namespace {

constexpr int64_t kIntervalMs = 200;

int64_t now_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

Progress::Progress(bool (*interrupted)())
    : interrupted_(interrupted), terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
    if (terminal_) std::fputs("\r\033[K", stderr);
}

void Progress::begin(std::string what) {
    what_ = std::move(what);
    bytes_ = 0;
    if (terminal_) show();
}

Result<void> Progress::advance(uint64_t bytes) {
    if (interrupted_ != nullptr && interrupted_()) return fail(Error(Errc::kBadState, "interrupted"));
    bytes_ += bytes;
    if (terminal_ && now_ms() - shown_ms_ >= kIntervalMs) show();
    return {};
}

void Progress::show() {
    shown_ms_ = now_ms();
    std::fprintf(stderr, "\r\033[K%s, %llu MiB", what_.c_str(),
                 static_cast<unsigned long long>(bytes_ >> 20));
}

}  // namespace krun::image
